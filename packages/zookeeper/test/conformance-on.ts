import { afterAll, beforeAll, describe, it } from '@jest/globals'
import { conformance } from '@libkv/conformance'
import { zookeeper } from '@libkv/zookeeper'
import { startServers } from '../../../tooling/servers/index.ts'
import type { ServerOptions, Servers } from '../../../tooling/servers/index.ts'
import { zookeeperCapabilities } from '../src/zookeeper-driver.ts'
import { TICK_TIME, open } from './support.ts'

/** Runs the conformance suite on servers of that kind. */
export function conformanceOn(options: ServerOptions): void {
  const { nodes = 1, security = 'plain' } = options
  describe(`zookeeper, ${nodes === 1 ? 'one server' : 'an ensemble of three'}, ${security}`, () => {
    let servers: Servers<'zookeeper'>
    beforeAll(async () => {
      servers = await startServers('zookeeper', options)
    })
    afterAll(async () => {
      await servers[Symbol.asyncDispose]()
    })
    conformance(
      { describe, it },
      {
        name: 'conformance',
        capabilities: zookeeperCapabilities(TICK_TIME),
        open: (storeOptions) => open(servers, storeOptions),
        openUnreachable: (storeOptions) =>
          zookeeper(['127.0.0.1:1'], { tickTime: TICK_TIME, ...storeOptions }),
        // All that the identity of the access control may touch.
        ...(security === 'auth' && { prefix: 'app/' }),
      },
    )
  })
}
