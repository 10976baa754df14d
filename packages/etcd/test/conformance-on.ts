import { afterAll, beforeAll, describe, it } from '@jest/globals'
import { conformance } from '@libkv/conformance'
import { etcd } from '@libkv/etcd'
import { startServers } from '../../../tooling/servers/index.ts'
import type { ServerOptions, Servers } from '../../../tooling/servers/index.ts'
import { etcdCapabilities } from '../src/etcd-driver.ts'
import { open } from './support.ts'

/** Runs the conformance suite on servers of that kind. */
export function conformanceOn(options: ServerOptions): void {
  const { nodes = 1, security = 'plain' } = options
  describe(`etcd, ${nodes === 1 ? 'one server' : 'a cluster of three'}, ${security}`, () => {
    let servers: Servers<'etcd'>
    beforeAll(async () => {
      servers = await startServers('etcd', options)
    })
    afterAll(async () => {
      await servers[Symbol.asyncDispose]()
    })
    conformance(
      { describe, it },
      {
        name: 'conformance',
        capabilities: etcdCapabilities,
        open: (storeOptions) => open(servers, storeOptions),
        openUnreachable: (storeOptions) => etcd(['127.0.0.1:1'], storeOptions),
        // All that the user of the access control may touch.
        ...(security === 'auth' && { prefix: 'app/' }),
      },
    )
  })
}
