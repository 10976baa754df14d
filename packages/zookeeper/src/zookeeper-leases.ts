import { LibkvError } from '@libkv/core'
import { BackgroundCall } from '@libkv/core/driver'
import type { Call, CommitOutcome, DriverSession, Write } from '@libkv/core/driver'
import { ZooKeeperClient } from './client/index.ts'
import { ZooKeeperConnection } from './zookeeper-connection.ts'
import { errorOfSession } from './zookeeper-errors.ts'
import type { Housekeeping } from './zookeeper-housekeeping.ts'
import { LONGEST_TIMEOUT } from './zookeeper-option-checks.ts'
import { clientOptions } from './zookeeper-options.ts'
import type { ResolvedZooKeeperOptions } from './zookeeper-options.ts'
import { pathOf } from './zookeeper-paths.ts'
import { TtlLease } from './zookeeper-ttl-lease.ts'

/** The default `minSessionTimeout` and `maxSessionTimeout` of servers, in ticks. */
export const SHORTEST_SESSION = 2
const LONGEST_SESSION = 20

/** A session of ZooKeeper, on a connection of its own: its end does not affect others. */
export class ZooKeeperLease implements DriverSession {
  readonly id: string
  readonly ttl: number
  readonly sentAt: number
  readonly #connection: ZooKeeperConnection
  readonly #housekeeping: Housekeeping
  readonly #unref: () => void
  /** The nodes of keys that were bound to it. */
  readonly #paths = new Set<string>()

  constructor(
    client: ZooKeeperClient,
    { tickTime, readBarrier }: ResolvedZooKeeperOptions,
    housekeeping: Housekeeping,
  ) {
    this.#connection = new ZooKeeperConnection(client, readBarrier)
    this.#housekeeping = housekeeping
    this.#unref = client.ref()
    this.id = `0x${BigInt.asUintN(64, client.sessionId).toString(16)}`
    // A server reports heartbeats to the leader every half tick. One that fails loses those since
    // its last report.
    this.ttl = client.negotiatedTimeout - tickTime / 2
    // Connecting may have taken longer than the session lasts.
    this.sentAt = client.answeredAt
  }

  /** Runs a commit in the session. */
  commit(
    writes: readonly Write[],
    commit: (connection: ZooKeeperConnection) => Promise<CommitOutcome>,
  ): Promise<CommitOutcome> {
    for (const write of writes) {
      if (write.type === 'put' && write.session !== undefined) this.#paths.add(pathOf(write.key))
    }
    return commit(this.#connection)
  }

  async renew(call: Call): Promise<void> {
    try {
      // The leader answers a sync. A server cut off from it still answers reads when the session
      // has ended.
      await this.#connection.client.sync('/', call)
    } catch (error) {
      throw errorOfSession(error)
    }
  }

  async close(): Promise<void> {
    await this.#connection.client.close()
    this.#unref()
    for (const path of this.#paths) this.#housekeeping.removed(path)
  }
}

/** The lease of a write's session. */
export function leaseOf(session: DriverSession): ZooKeeperLease {
  if (session instanceof ZooKeeperLease) return session
  throw new TypeError('the session is one of another backend')
}

/** Opens the sessions of users, and those for keys with a `ttl`. */
export class ZooKeeperLeases {
  readonly #options: ResolvedZooKeeperOptions
  readonly #housekeeping: Housekeeping
  /** By their timeout. */
  readonly #ttlLeases = new Map<number, Promise<TtlLease>>()
  /** Those of them that are open. */
  readonly #open = new Set<TtlLease>()
  #closed = false

  constructor(options: ResolvedZooKeeperOptions, housekeeping: Housekeeping) {
    this.#options = options
    this.#housekeeping = housekeeping
  }

  /** @throws LibkvError `INVALID_OPTION` if the servers grant no timeout as short as `ttl`. */
  async open(ttl: number, call: Call): Promise<ZooKeeperLease> {
    const client = await this.#connect(ttl, call)
    return new ZooKeeperLease(client, this.#options, this.#housekeeping)
  }

  /**
   * The lease of keys with that ttl. Its timeout is close below the ttl, so that the keys survive a
   * crash of this process as long as possible. There is one for each power of two.
   */
  async forTtl(ttl: number): Promise<TtlLease> {
    const { tickTime } = this.#options
    const shortest = SHORTEST_SESSION * tickTime
    const powers = Math.floor(Math.log2(Math.min(ttl, LONGEST_SESSION * tickTime) / shortest))
    const timeout = shortest * 2 ** Math.max(0, powers)
    const known = this.#ttlLeases.get(timeout)
    if (known === undefined) return this.#openForTtl(timeout)
    const lease = await known
    if (!lease.isOver) return lease
    this.#forget(timeout, known)
    return this.forTtl(ttl)
  }

  /** Cancels the ttl of writes to these keys before that revision. */
  cancelExpiries(writes: readonly Write[], revision: bigint): void {
    for (const lease of this.#open) {
      for (const { key } of writes) lease.cancelExpiry(pathOf(key), revision)
    }
  }

  async close(): Promise<void> {
    this.#closed = true
    await Promise.allSettled(this.#ttlLeases.values())
    await Promise.all([...this.#open].map((lease) => lease.close()))
  }

  /** Opens a lease independently of the call that needs it, because other calls share it. */
  #openForTtl(timeout: number): Promise<TtlLease> {
    const call = new BackgroundCall(this.#options)
    const opening = this.#connect(timeout, call).then((client) => {
      const lease = new TtlLease(client, this.#options, this.#housekeeping, () => {
        this.#forget(timeout, opening)
        this.#open.delete(lease)
        void lease.close()
      })
      this.#open.add(lease)
      return lease
    })
    this.#ttlLeases.set(timeout, opening)
    opening
      .catch(() => {
        this.#forget(timeout, opening)
      })
      .finally(() => {
        call.done()
      })
    return opening
  }

  #forget(timeout: number, lease: Promise<TtlLease>): void {
    if (this.#ttlLeases.get(timeout) === lease) this.#ttlLeases.delete(timeout)
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
      const { tickTime } = this.#options
      if (granted > ttl) throw wrongTick(`ttl is ${String(ttl)}`, 'less', granted)
      // Servers with that tick would grant two of them at least.
      if (granted <= tickTime) throw wrongTick(`tickTime is ${String(tickTime)}`, 'more', granted)
      if (this.#closed) throw new LibkvError('CLOSED', 'the store is closed')
      return client
    } catch (error) {
      await client.close()
      throw error
    }
  }
}

function wrongTick(given: string, no: 'less' | 'more', granted: number): LibkvError {
  const message = `${given}; these servers grant no ${no} than ${String(granted)} (is tickTime theirs?)`
  return new LibkvError('INVALID_OPTION', message, { backend: 'zookeeper' })
}
