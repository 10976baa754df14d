import { LibkvError } from '@libkv/core'
import { BackgroundCall, backoff } from '@libkv/core/driver'
import type { Call } from '@libkv/core/driver'
import type { Timer } from '@libkv/core'
import type { ZooKeeperClient } from './client/index.ts'
import type { Housekeeping } from './zookeeper-housekeeping.ts'
import { ZooKeeperConnection } from './zookeeper-connection.ts'
import { isConflict } from './zookeeper-errors.ts'
import { guardOf } from './zookeeper-creation-counters.ts'
import type { ResolvedZooKeeperOptions } from './zookeeper-options.ts'

/** A key that is to go away. */
interface Mortal {
  readonly path: string
  /** Which write it is about; undefined if that is not known, for its answer was lost. */
  readonly revision: bigint | undefined
  timer: Timer
}

/**
 * A session for keys with a time to live: they go when their time is over, by a timer of this process, and when this process
 * is gone, with the session.
 */
export class TtlSession {
  readonly connection: ZooKeeperConnection
  readonly #client: ZooKeeperClient
  readonly #options: ResolvedZooKeeperOptions
  readonly #housekeeping: Housekeeping
  readonly #mortals = new Set<Mortal>()
  readonly #onIdle: () => void
  /** Writes on their way. */
  #users = 0
  #closed = false

  /** @param onIdle - called when no key depends on the session any more. */
  constructor(
    client: ZooKeeperClient,
    options: ResolvedZooKeeperOptions,
    housekeeping: Housekeeping,
    onIdle: () => void,
  ) {
    this.connection = new ZooKeeperConnection(client, options.readBarrier)
    this.#client = client
    this.#options = options
    this.#housekeeping = housekeeping
    this.#onIdle = onIdle
  }

  get isOver(): boolean {
    if (this.#closed) return true
    return this.#client.state !== 'connecting' && this.#client.state !== 'connected'
  }

  /** Holds the session while a write is on its way. */
  async use<T>(work: () => Promise<T>): Promise<T> {
    if (this.isOver) {
      const message = 'the session of keys with a ttl has just ended'
      throw new LibkvError('NOT_REACHABLE', message, { retryable: true })
    }
    this.#users++
    try {
      return await work()
    } finally {
      this.#users--
      this.#idleIfUnused()
    }
  }

  /** The key at that path was written, and is to go `ttl` milliseconds from now. */
  expect(path: string, revision: bigint | undefined, ttl: number): void {
    const mortal: Mortal = {
      path,
      revision,
      timer: this.#options.runtime.setTimer(() => void this.#end(mortal, 0), ttl, false),
    }
    this.#mortals.add(mortal)
  }

  /** The key at that path was written anew, or deleted: what was expected of earlier writes is void. */
  forget(path: string, except: bigint): void {
    for (const mortal of this.#mortals) {
      if (mortal.path !== path || mortal.revision === except) continue
      mortal.timer.cancel()
      this.#mortals.delete(mortal)
    }
    this.#idleIfUnused()
  }

  /** Stops the timers. Keys that are left go with the session. */
  async close(): Promise<void> {
    const isNeeded = this.#mortals.size > 0 && !this.isOver
    this.#closed = true
    for (const { timer } of this.#mortals) timer.cancel()
    this.#mortals.clear()
    if (isNeeded) this.#client.abandon()
    else await this.#client.close()
  }

  async #end(mortal: Mortal, failures: number): Promise<void> {
    const { runtime } = this.#options
    const call = new BackgroundCall(this.#options)
    try {
      if (!this.isOver) await this.#delete(mortal, call)
    } catch {
      if (!this.#mortals.has(mortal)) return
      const wait = backoff(runtime, failures)
      mortal.timer = runtime.setTimer(() => void this.#end(mortal, failures + 1), wait, false)
      return
    } finally {
      call.done()
    }
    this.#mortals.delete(mortal)
    this.#idleIfUnused()
  }

  /** Deletes the key if it is still the one that was written. */
  async #delete({ path, revision }: Mortal, call: Call): Promise<void> {
    const guard = guardOf(path)
    for (;;) {
      const [stat, guardStat] = await Promise.all([
        this.#client.exists(path, call),
        this.#client.exists(guard, call),
      ])
      if (stat?.ephemeralOwner !== this.#client.sessionId) return
      const isMeant =
        revision === undefined ? !this.#expects(path, stat.mzxid) : stat.mzxid === revision
      if (!isMeant) return
      try {
        await this.#client.multi(
          [
            { type: 'check', path: guard, version: guardStat?.version },
            { type: 'delete', path, version: stat.version },
          ],
          call,
        )
        this.#housekeeping.removed(path, stat.version > 0)
        return
      } catch (error) {
        if (!isConflict(error)) throw error
      }
    }
  }

  /** Whether that very write has a time of its own. */
  #expects(path: string, revision: bigint): boolean {
    return [...this.#mortals].some((other) => other.path === path && other.revision === revision)
  }

  #idleIfUnused(): void {
    if (this.#users === 0 && this.#mortals.size === 0 && !this.#closed) this.#onIdle()
  }
}
