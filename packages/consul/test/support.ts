import { consul } from '@libkv/consul'
import type { ConsulOptions } from '@libkv/consul'
import type { KVPair, Store, TreeChange } from '@libkv/core'
import { startServers, waitFor } from '../../../tooling/servers/index.ts'
import type { ServerOptions, Servers } from '../../../tooling/servers/index.ts'

/** What the test servers have as their session_ttl_min, in milliseconds. */
export const MINIMUM_TTL = 1_000

/**
 * Starts servers. Consul 1.8 begins in the legacy mode of its access control, and refuses to set up the new one until
 * all servers have been seen to know it.
 */
export async function startConsul(options: ServerOptions): Promise<Servers<'consul'>> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await startServers('consul', options)
    } catch (error) {
      if (attempt === 5 || !String(error).includes('legacy mode')) throw error
    }
  }
}

/** Options with which these servers let one in. */
export function accessTo(servers: Servers): ConsulOptions {
  const { tls, credentials } = servers as Servers<'consul'>
  return {
    ...(tls && { tls: { ca: tls.ca, cert: tls.cert, key: tls.key } }),
    ...(credentials && { token: credentials.token }),
    minimumTtl: MINIMUM_TTL,
  }
}

/** A store on these servers. */
export function open(servers: Servers, options: ConsulOptions = {}): Store {
  return consul(servers.endpoints, { ...accessTo(servers), ...options })
}

/** Writes keys one after the other in the background, and tries each until it is certainly there. */
export class Writer {
  readonly written: string[] = []
  #stopped = false
  readonly #done: Promise<void>

  constructor(store: Store, directory: string) {
    this.#done = this.#run(store, directory)
  }

  async #run(store: Store, directory: string): Promise<void> {
    for (let i = 0; !this.#stopped; i++) {
      const key = `${directory}/${String(i)}`
      const put = (): Promise<KVPair> => store.put(key, String(i), { timeout: 2_000 })
      // An ambiguous put is repeated: these keys do not mind.
      while (
        !(await put().then(
          () => true,
          () => false,
        ))
      );
      this.written.push(key)
    }
  }

  async stop(): Promise<readonly string[]> {
    this.#stopped = true
    await this.#done
    return this.written
  }
}

/** Follows a tree, and checks on the way what a watch promises: nothing twice, and revisions that never go back. */
export class Follower {
  /** All changes that were delivered, by key. */
  readonly changes: Map<string, TreeChange[]> = new Map()
  readonly violations: string[] = []
  state: readonly KVPair[] | undefined
  error: unknown
  readonly #controller = new AbortController()
  readonly #done: Promise<void>

  constructor(store: Store, directory: string) {
    this.#done = this.#run(store, directory)
  }

  async #run(store: Store, directory: string): Promise<void> {
    const revisions = new Map<string, bigint>()
    let revision = 0n
    try {
      for await (const tree of store.watchTree(directory, { signal: this.#controller.signal })) {
        if (tree.revision < revision) this.violations.push('the revision went back')
        revision = tree.revision
        for (const change of tree.changes) {
          const seen = revisions.get(change.key) ?? 0n
          const now = change.pair?.revision ?? seen + 1n
          if (now <= seen) this.violations.push(`${change.key} came twice, at ${String(now)}`)
          revisions.set(change.key, now)
          this.changes.set(change.key, [...(this.changes.get(change.key) ?? []), change])
        }
        this.state = tree.pairs
      }
    } catch (error) {
      if (!this.#controller.signal.aborted) this.error = error
    }
  }

  /** Resolves when the first state is there. */
  async started(): Promise<this> {
    await waitFor(() => this.state !== undefined, { what: 'the first state' })
    return this
  }

  /** Resolves when the tree that is followed has exactly these keys. */
  async has(keys: readonly string[], timeout = 20_000): Promise<void> {
    const wanted = [...keys].sort().join()
    const isThere = (): boolean =>
      (this.state ?? [])
        .map(({ key }) => key)
        .sort()
        .join() === wanted
    await waitFor(isThere, { what: `a follower to see ${String(keys.length)} keys`, timeout })
  }

  async stop(): Promise<void> {
    this.#controller.abort()
    await this.#done
    if (this.error !== undefined) throw this.error as Error
  }
}

/** The ids of the sessions that the server has. */
export async function sessionsOf(servers: Servers): Promise<readonly string[]> {
  const answer = await fetch(`${servers.endpoints[0] ?? ''}/v1/session/list`)
  return ((await answer.json()) as { ID: string }[]).map(({ ID }) => ID)
}
