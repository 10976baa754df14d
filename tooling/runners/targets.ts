import { etcd } from '@libkv/etcd'
import { memory, memoryFaults } from '@libkv/memory'
import type { ConformanceTarget } from '@libkv/conformance'
import { startServers } from '../servers/index.ts'

/** What the runners' hooks are called, in node:test as in Vitest. */
export interface Hooks {
  readonly beforeAll: (start: () => Promise<void>) => unknown
  readonly afterAll: (stop: () => Promise<void>) => unknown
}

/** The embedded store, and etcd on a server that the hooks start and end. */
export function targets({ beforeAll, afterAll }: Hooks): ConformanceTarget[] {
  memoryFaults('unreachable').disconnect()
  let endpoints: readonly string[] = []
  let stop = async (): Promise<void> => {}
  beforeAll(async () => {
    const servers = await startServers('etcd')
    endpoints = servers.endpoints
    stop = async () => {
      await servers[Symbol.asyncDispose]()
    }
  })
  afterAll(() => stop())
  return [
    {
      name: 'memory',
      capabilities: memory().capabilities,
      open: (options) => memory(['conformance'], options),
      openUnreachable: (options) => memory(['unreachable'], options),
    },
    {
      name: 'etcd',
      capabilities: etcd().capabilities,
      open: (options) => etcd(endpoints, options),
      openUnreachable: (options) => etcd(['127.0.0.1:1'], options),
    },
  ]
}
