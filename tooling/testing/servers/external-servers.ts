import { FaultProxy } from './fault-proxy.ts'
import type { Backend, Recipe } from './recipe.ts'
import type { ServerNode } from './server-node.ts'
import type { ServerOptions, Servers } from './test-servers.ts'

function refuse(what: string): () => Promise<never> {
  return () => Promise.reject(new Error(`${what}: not with servers that the tests did not start`))
}

/** Servers that exist already (`LIBKV_TEST_<BACKEND>_ENDPOINTS`): they can be used and proxied, and nothing else. */
export async function externalServers<B extends Backend>(
  recipe: Recipe<B>,
  backend: B,
  { endpoints }: { readonly endpoints: readonly string[] },
  { security = 'plain', nodes = 1 }: ServerOptions,
): Promise<Servers<B>> {
  if (security !== 'plain' || nodes > endpoints.length) {
    throw new Error(
      `These tests need ${nodes} ${security} ${backend} server(s); LIBKV_TEST_${backend.toUpperCase()}_ENDPOINTS names ` +
        `${endpoints.length} plain one(s)`,
    )
  }
  const node = (endpoint: string): ServerNode => ({
    endpoint,
    name: endpoint,
    kill: refuse('kill'),
    start: refuse('start'),
    restart: refuse('restart'),
    freeze: refuse('freeze'),
    resume: refuse('resume'),
    wipe: refuse('wipe'),
    waitReady: async () => {
      await recipe.version(endpoint, {})
    },
  })
  const proxies: FaultProxy[] = []
  return {
    backend,
    runtime: 'external',
    version: await recipe.version(endpoints[0] as string, {}),
    endpoints,
    nodes: endpoints.map(node),
    leader: refuse('leader'),
    proxy: async () => {
      const made = await Promise.all(endpoints.map((endpoint) => FaultProxy.to(endpoint)))
      proxies.push(...made)
      return made
    },
    [Symbol.asyncDispose]: async () => {
      await Promise.all(proxies.map((proxy) => proxy[Symbol.asyncDispose]()))
    },
  }
}
