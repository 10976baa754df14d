import { afterAll, beforeAll, describe, it } from '@jest/globals'
import { conformance } from '@libkv/conformance'
import { consul } from '@libkv/consul'
import type { ServerOptions, Servers } from '../../../tooling/servers/index.ts'
import { consulCapabilities } from '../src/consul-driver.ts'
import { MINIMUM_TTL, open, startConsul } from './support.ts'

/** Runs the conformance suite on servers of that kind. */
export function conformanceOn(options: ServerOptions): void {
  const { nodes = 1, security = 'plain' } = options
  describe(`consul, ${nodes === 1 ? 'one server' : 'a cluster of three'}, ${security}`, () => {
    let servers: Servers<'consul'>
    beforeAll(async () => {
      servers = await startConsul(options)
    }, 60_000)
    afterAll(async () => {
      await servers[Symbol.asyncDispose]()
    })
    conformance(
      { describe, it },
      {
        name: 'conformance',
        capabilities: consulCapabilities(MINIMUM_TTL),
        open: (storeOptions) => open(servers, storeOptions),
        openUnreachable: (storeOptions) =>
          consul(['127.0.0.1:1'], { minimumTtl: MINIMUM_TTL, ...storeOptions }),
        // All that the user of the access control may touch.
        ...(security === 'auth' && { prefix: 'app/' }),
      },
    )
  })
}
