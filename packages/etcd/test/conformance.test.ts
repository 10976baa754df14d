import { afterAll, beforeAll, describe, it } from '@jest/globals'
import { conformance } from '@libkv/conformance'
import { etcd } from '@libkv/etcd'
import { startServers } from '../../../tooling/servers/index.ts'
import type { ServerOptions, Servers } from '../../../tooling/servers/index.ts'
import { etcdCapabilities } from '../src/etcd-driver.ts'
import { open } from './support.ts'

const single: ServerOptions[] = [{ nodes: 1, security: 'plain' }]
const matrix: ServerOptions[] = [
  ...single,
  { nodes: 1, security: 'tls' },
  { nodes: 1, security: 'auth' },
  { nodes: 3, security: 'plain' },
  { nodes: 3, security: 'tls' },
  { nodes: 3, security: 'auth' },
]

// `npm test` takes one server; the whole matrix is for CI.
for (const options of process.env['LIBKV_TEST_MATRIX'] === 'full' ? matrix : single) {
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
        ...(security === 'auth' && { prefix: 'app/' }),
      },
    )
  })
}
