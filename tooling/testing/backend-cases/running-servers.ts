import { afterAll, beforeAll } from '@jest/globals'
import { startServers } from '../servers/index.ts'
import type { Backend, ServerOptions, Servers } from '../servers/index.ts'

/**
 * Servers that run as long as the tests of the enclosing `describe`. They are there from its first hook on. Jest runs `afterAll`
 * hooks in the order of their registration: register those that close stores before this.
 */
export function runningServers<B extends Backend>(
  backend: B,
  options: ServerOptions = {},
): () => Servers<B> {
  let servers: Servers<B> | undefined
  beforeAll(async () => {
    servers = await startServers(backend, options)
  })
  afterAll(async () => {
    await servers?.[Symbol.asyncDispose]()
  })
  return () => {
    if (servers === undefined) throw new Error(`${backend}: the servers are not started yet`)
    return servers
  }
}
