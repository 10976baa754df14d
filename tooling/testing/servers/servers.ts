import { clientTls } from './certificates.ts'
import type { ClientTls } from './certificates.ts'
import { consul } from './consul-server.ts'
import { createContainers } from './container-runtime.ts'
import { etcd } from './etcd-server.ts'
import { externalServers } from './external-servers.ts'
import { FaultProxy } from './fault-proxy.ts'
import { freePorts } from './ports.ts'
import { createProcesses } from './process-runtime.ts'
import { provision } from './provision.ts'
import type { Provision } from './provision.ts'
import type { Access, Backend, CredentialsOf, Recipe } from './recipe.ts'
import type { ManagedNode, ServerNode } from './server-node.ts'
import type { ServerSet, WantedServers } from './server-set.ts'
import { waitFor } from '../wait-for.ts'
import type { ServerOptions, Servers } from './test-servers.ts'
import { zookeeper } from './zookeeper-server.ts'

const recipes: { readonly [B in Backend]: Recipe<B> } = { etcd, consul, zookeeper }

class ManagedServers<B extends Backend> implements Servers<B> {
  readonly backend: B
  readonly runtime: 'container' | 'process'
  readonly endpoints: readonly string[]
  readonly nodes: readonly ManagedNode[]
  readonly tls?: ClientTls
  credentials?: CredentialsOf[B]
  version = ''
  readonly #cleanUp: () => Promise<void>
  readonly #proxies: FaultProxy[] = []

  constructor(backend: B, runtime: 'container' | 'process', access: Access<B>, set: ServerSet) {
    this.backend = backend
    this.runtime = runtime
    this.nodes = set.nodes
    this.endpoints = set.nodes.map(({ endpoint }) => endpoint)
    if (access.tls) this.tls = access.tls
    this.#cleanUp = set.cleanUp
  }

  async leader(): Promise<ServerNode> {
    return await waitFor(
      async () => {
        const terms = await Promise.all(this.nodes.map((node) => node.leads()))
        // A leader that was frozen believes in itself for a while: the highest term is right.
        const highest = Math.max(...terms.map((term) => term ?? -1))
        return highest < 0 ? undefined : this.nodes[terms.indexOf(highest)]
      },
      { what: `a leader of ${this.endpoints.join(', ')}`, timeout: 30_000, every: 30 },
    )
  }

  async proxy(): Promise<FaultProxy[]> {
    const proxies = await Promise.all(this.endpoints.map((endpoint) => FaultProxy.to(endpoint)))
    this.#proxies.push(...proxies)
    return proxies
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#proxies.map((proxy) => proxy[Symbol.asyncDispose]()))
    // All of them, also when one fails.
    const removed = await Promise.allSettled(this.nodes.map((node) => node.remove()))
    await this.#cleanUp()
    for (const result of removed) if (result.status === 'rejected') throw result.reason
  }
}

async function startOnce<B extends Backend>(
  backend: B,
  source: Exclude<Provision, { kind: 'external' }>,
  { nodes = 1, security = 'plain', args = [] }: ServerOptions,
): Promise<Servers<B>> {
  const recipe: Recipe<B> = recipes[backend]
  const access: { tls?: ClientTls; credentials?: CredentialsOf[B] } = {}
  if (security === 'tls') access.tls = clientTls()
  const ports = await freePorts(nodes * recipe.ports)
  const wanted: WantedServers = {
    backend,
    recipe,
    access: () => access,
    security,
    args,
    version: source.version,
    ports: Array.from({ length: nodes }, (_, i) =>
      ports.slice(i * recipe.ports, (i + 1) * recipe.ports),
    ),
  }
  const set =
    source.kind === 'process'
      ? createProcesses(source.command, wanted, source.environment)
      : await createContainers(source.image, wanted)
  const servers = new ManagedServers(backend, source.kind, access, set)
  try {
    const started = await Promise.allSettled(set.nodes.map((node) => node.start()))
    for (const result of started) if (result.status === 'rejected') throw result.reason
    const [first] = servers.endpoints as [string]
    if (security === 'auth') {
      access.credentials = servers.credentials = await recipe.protect(first)
      await Promise.all(servers.nodes.map((node) => node.waitReady()))
    }
    servers.version = await waitFor(() => recipe.version(first, access), {
      what: `the version of ${first}`,
    })
    return servers
  } catch (error) {
    await servers[Symbol.asyncDispose]()
    throw error
  }
}

/** Starts real servers and resolves when all of them serve. Where they come from is what {@link provision} says. */
export async function startServers<B extends Backend>(
  backend: B,
  options: ServerOptions = {},
): Promise<Servers<B>> {
  const source = await provision(backend, options.runtime)
  if (source.kind === 'external')
    return await externalServers(recipes[backend], backend, source, options)
  for (let attempt = 1; ; attempt++) {
    try {
      return await startOnce(backend, source, options)
    } catch (error) {
      // Another process may have taken a port between the choice and the start.
      const stolen = /address already in use|BindException|port is already allocated/i
      if (attempt === 3 || !stolen.test((error as Error).message)) throw error
    }
  }
}
