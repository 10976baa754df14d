import { LibkvError } from '@libkv/core'
import type { Call } from '@libkv/core'
import { ZooKeeperClient } from './client/index.ts'
import type { ClientOptions } from './client/index.ts'
import type { Housekeeping } from './housekeeping.ts'
import { TtlSession } from './ttl-session.ts'
import type { ResolvedZooKeeperOptions } from './zookeeper-options.ts'
import { ZooKeeperSession } from './zookeeper-session.ts'

/** What servers grant unless told otherwise, in ticks (`minSessionTimeout`, `maxSessionTimeout`). */
export const SHORTEST_SESSION = 2
const LONGEST_SESSION = 20

const LONGEST_TIMEOUT = 2 ** 31 - 1

/** Opens sessions besides that of the store's own connection: one for each that is asked for, and some for keys with a `ttl`. */
export class ZooKeeperSessions {
  readonly #options: ResolvedZooKeeperOptions
  readonly #housekeeping: Housekeeping
  /** By the timeout. */
  readonly #ttlSessions = new Map<number, Promise<TtlSession>>()
  /** Those of them that are open. */
  readonly #open = new Set<TtlSession>()
  #closed = false

  constructor(options: ResolvedZooKeeperOptions, housekeeping: Housekeeping) {
    this.#options = options
    this.#housekeeping = housekeeping
  }

  /** @throws LibkvError `INVALID_OPTION` if the servers grant no such short time. */
  async open(ttl: number, call: Call): Promise<ZooKeeperSession> {
    const client = await this.#connect(ttl, call)
    // A server that dies may take with it what it heard from the client since it last told the leader.
    return new ZooKeeperSession(client, this.#options.tickTime / 2, this.#housekeeping)
  }

  /**
   * A session for keys with that time to live: one that lasts as long, or nearly, so that a crash of this process lets them live
   * as long as possible. There is one for each power of two.
   */
  async forTtl(ttl: number, call: Call): Promise<TtlSession> {
    const { tickTime } = this.#options
    const shortest = SHORTEST_SESSION * tickTime
    const powers = Math.floor(Math.log2(Math.min(ttl, LONGEST_SESSION * tickTime) / shortest))
    const timeout = shortest * 2 ** Math.max(0, powers)
    const opened = await this.#ttlSessions.get(timeout)?.catch(() => undefined)
    if (opened?.isOver === false) return opened
    if (opened !== undefined) this.#open.delete(opened)
    const opening = this.#openForTtl(timeout, call)
    this.#ttlSessions.set(timeout, opening)
    return opening
  }

  /** Whether there are keys with a time to live. */
  get haveTtls(): boolean {
    return this.#open.size > 0
  }

  /** The keys at those paths were written or deleted at that revision. */
  wereWritten(paths: readonly string[], revision: bigint): void {
    for (const session of this.#open) {
      for (const path of paths) session.forget(path, revision)
    }
  }

  async close(): Promise<void> {
    this.#closed = true
    const sessions = await Promise.allSettled(this.#ttlSessions.values())
    await Promise.all(
      sessions.map((result) => (result.status === 'fulfilled' ? result.value.close() : undefined)),
    )
  }

  async #openForTtl(timeout: number, call: Call): Promise<TtlSession> {
    const client = await this.#connect(timeout, call)
    const session = new TtlSession(client, this.#options, this.#housekeeping, () => {
      this.#ttlSessions.delete(timeout)
      this.#open.delete(session)
      void session.close()
    })
    this.#open.add(session)
    return session
  }

  async #connect(ttl: number, call: Call): Promise<ZooKeeperClient> {
    const client = new ZooKeeperClient({
      ...clientOptions(this.#options),
      sessionTimeout: Math.min(Math.floor(ttl), LONGEST_TIMEOUT),
      closeTimeout: this.#options.requestTimeout,
    })
    call.onCancel(() => void client.close())
    try {
      await client.connect(call)
      const granted = client.negotiatedTimeout
      if (granted > ttl) throw tooShort(ttl, granted)
      if (this.#closed) throw new LibkvError('CLOSED', 'the store is closed')
      return client
    } catch (error) {
      await client.close()
      throw error
    }
  }
}

/** How all connections of a store are made. */
export function clientOptions(options: ResolvedZooKeeperOptions): ClientOptions {
  const { addresses, auth, chroot, runtime, tls } = options
  return {
    servers: addresses,
    runtime,
    auth,
    chroot,
    tls:
      tls &&
      (() => {
        const { context, servername, rejectUnauthorized } = tls.material()
        return { secureContext: context, servername, rejectUnauthorized }
      }),
  }
}

const tooShort = (ttl: number, granted: number): LibkvError =>
  new LibkvError(
    'INVALID_OPTION',
    `ttl is ${String(ttl)}; these servers grant no less than ${String(granted)} (is tickTime theirs?)`,
    { backend: 'zookeeper' },
  )
