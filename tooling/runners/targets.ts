import { consul } from '@libkv/consul'
import { etcd } from '@libkv/etcd'
import { memory, memoryFaults } from '@libkv/memory'
import { zookeeper } from '@libkv/zookeeper'
import type { ConformanceTarget } from '@libkv/conformance'
import type { BackendFactory } from '@libkv/core'
import { selectedBackends, startServers } from '@libkv/testing/servers'
import type { Backend } from '@libkv/testing/servers'

/** What the runners' hooks are called, in node:test as in Vitest. */
export interface Hooks {
  readonly beforeAll: (start: () => Promise<void>) => unknown
  readonly afterAll: (stop: () => Promise<void>) => unknown
}

const factories: Readonly<Record<Backend, BackendFactory>> = {
  // As the test servers are configured.
  consul: (addresses, options) => consul(addresses, { minimumTtl: 1_000, ...options }),
  etcd,
  zookeeper: (addresses, options) => zookeeper(addresses, { tickTime: 500, ...options }),
}

/** The embedded store, and each selected backend on a server that the hooks start and end. */
export function targets(hooks: Hooks): ConformanceTarget[] {
  memoryFaults('unreachable').disconnect()
  return [
    {
      name: 'memory',
      capabilities: memory().capabilities,
      open: (options) => memory(['conformance'], options),
      openUnreachable: (options) => memory(['unreachable'], options),
    },
    ...selectedBackends().map((backend) => target(backend, hooks)),
  ]
}

function target(backend: Backend, { beforeAll, afterAll }: Hooks): ConformanceTarget {
  const open = factories[backend]
  let endpoints: readonly string[] = []
  let stop = async (): Promise<void> => {}
  beforeAll(async () => {
    const servers = await startServers(backend)
    endpoints = servers.endpoints
    stop = async () => {
      await servers[Symbol.asyncDispose]()
    }
  })
  afterAll(() => stop())
  return {
    name: backend,
    capabilities: open().capabilities,
    open: (options) => open(endpoints, options),
    openUnreachable: (options) => open(['127.0.0.1:1'], options),
  }
}
