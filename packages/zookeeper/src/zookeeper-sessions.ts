import { LibkvError } from '@libkv/core'
import { BackgroundCall, tlsOptions, tlsReason } from '@libkv/core/driver'
import type { Call } from '@libkv/core/driver'
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
    return new ZooKeeperSession(client, this.#options, this.#housekeeping)
  }

  /**
   * A session for keys with that time to live: one that lasts as long, or nearly, so that a crash of this process lets them live
   * as long as possible. There is one for each power of two.
   */
  async forTtl(ttl: number): Promise<TtlSession> {
    const { tickTime } = this.#options
    const shortest = SHORTEST_SESSION * tickTime
    const powers = Math.floor(Math.log2(Math.min(ttl, LONGEST_SESSION * tickTime) / shortest))
    const timeout = shortest * 2 ** Math.max(0, powers)
    const known = this.#ttlSessions.get(timeout)
    if (known === undefined) return this.#openForTtl(timeout)
    const session = await known
    if (!session.isOver) return session
    this.#forget(timeout, known)
    return this.forTtl(ttl)
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
    await Promise.allSettled(this.#ttlSessions.values())
    await Promise.all([...this.#open].map((session) => session.close()))
  }

  /** It belongs to no call, for all that write such keys share it. */
  #openForTtl(timeout: number): Promise<TtlSession> {
    const call = new BackgroundCall(this.#options)
    const opening = this.#connect(timeout, call).then((client) => {
      const session = new TtlSession(client, this.#options, this.#housekeeping, () => {
        this.#forget(timeout, opening)
        this.#open.delete(session)
        void session.close()
      })
      this.#open.add(session)
      return session
    })
    this.#ttlSessions.set(timeout, opening)
    opening
      .catch(() => {
        this.#forget(timeout, opening)
      })
      .finally(() => {
        call.done()
      })
    return opening
  }

  #forget(timeout: number, session: Promise<TtlSession>): void {
    if (this.#ttlSessions.get(timeout) === session) this.#ttlSessions.delete(timeout)
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
      if (granted <= this.#options.tickTime) throw tooLongTick(this.#options.tickTime, granted)
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
    // Core keeps the process alive for calls in flight; watches and sessions of the user's do it with ref().
    keepAlive: false,
    auth,
    chroot,
    tlsReason,
    tls: tls && (() => tlsOptions(tls.material())),
  }
}

/** Sessions of servers with that `tickTime` last two ticks at least. */
const tooLongTick = (tickTime: number, granted: number): LibkvError =>
  new LibkvError(
    'INVALID_OPTION',
    `tickTime is ${String(tickTime)}; these servers grant no more than ${String(granted)} (is tickTime theirs?)`,
    { backend: 'zookeeper' },
  )

const tooShort = (ttl: number, granted: number): LibkvError =>
  new LibkvError(
    'INVALID_OPTION',
    `ttl is ${String(ttl)}; these servers grant no less than ${String(granted)} (is tickTime theirs?)`,
    { backend: 'zookeeper' },
  )
