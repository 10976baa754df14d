import { LibkvError, isLibkvError } from '@libkv/core'
import type { Timer } from '@libkv/core'
import { BackgroundCall, backoff } from '@libkv/core/driver'
import type { Call, CommitOutcome, Write } from '@libkv/core/driver'
import type { ZooKeeperClient } from './client/index.ts'
import { ZooKeeperConnection } from './zookeeper-connection.ts'
import { counterOf } from './zookeeper-creation-counters.ts'
import { errorOf } from './zookeeper-errors.ts'
import type { Housekeeping } from './zookeeper-housekeeping.ts'
import type { ResolvedZooKeeperOptions } from './zookeeper-options.ts'
import { pathOf } from './zookeeper-paths.ts'
import { retryConflicts, unlessConflict } from './zookeeper-retry-conflicts.ts'

/** A key whose ttl is running. */
interface ExpiringKey {
  readonly path: string
  /** The write with the ttl; undefined if its answer was lost. */
  readonly revision: bigint | undefined
  timer: Timer
}

/**
 * A session for keys with a ttl. A timer of this process deletes each key when its ttl runs out; if
 * the process has crashed, the servers delete them with the session.
 */
export class TtlLease {
  readonly #connection: ZooKeeperConnection
  readonly #client: ZooKeeperClient
  readonly #options: ResolvedZooKeeperOptions
  readonly #housekeeping: Housekeeping
  readonly #keys = new Set<ExpiringKey>()
  readonly #onIdle: () => void
  /** Commits in flight. */
  #users = 0
  #closed = false

  /** @param onIdle - called when no key depends on the session any more. */
  constructor(
    client: ZooKeeperClient,
    options: ResolvedZooKeeperOptions,
    housekeeping: Housekeeping,
    onIdle: () => void,
  ) {
    this.#connection = new ZooKeeperConnection(client, options.readBarrier)
    this.#client = client
    this.#options = options
    this.#housekeeping = housekeeping
    this.#onIdle = onIdle
  }

  get isOver(): boolean {
    if (this.#closed) return true
    return this.#client.state !== 'connecting' && this.#client.state !== 'connected'
  }

  /** Runs a commit in the session, then starts the ttl of its keys. */
  async commit(
    writes: readonly Write[],
    commit: (connection: ZooKeeperConnection) => Promise<CommitOutcome>,
  ): Promise<CommitOutcome> {
    if (this.isOver) {
      const message = 'the session of keys with a ttl has just ended'
      throw new LibkvError('NOT_REACHABLE', message, { retryable: true })
    }
    this.#users++
    try {
      const outcome = await commit(this.#connection)
      if (outcome.committed) this.#startExpiry(writes, outcome.revision)
      return outcome
    } catch (error) {
      const failure = errorOf(error)
      // The keys may exist, and would otherwise live as long as the session.
      if (isLibkvError(failure) && failure.ambiguous) this.#startExpiry(writes, undefined)
      throw failure
    } finally {
      this.#users--
      this.#idleIfUnused()
    }
  }

  /** Cancels the ttl of earlier writes to a key, which was written again or deleted. */
  cancelExpiry(path: string, except: bigint): void {
    for (const key of this.#keys) {
      if (key.path !== path || key.revision === except) continue
      key.timer.cancel()
      this.#keys.delete(key)
    }
    this.#idleIfUnused()
  }

  /** Stops the timers. The remaining keys are deleted with the session. */
  async close(): Promise<void> {
    const isNeeded = this.#keys.size > 0 && !this.isOver
    this.#closed = true
    for (const { timer } of this.#keys) timer.cancel()
    this.#keys.clear()
    if (isNeeded) this.#client.abandon()
    else await this.#client.close()
  }

  #startExpiry(writes: readonly Write[], revision: bigint | undefined): void {
    for (const write of writes) {
      if (write.type !== 'put' || write.ttl === undefined) continue
      const key: ExpiringKey = {
        path: pathOf(write.key),
        revision,
        timer: this.#timer(() => void this.#expire(key, 0), write.ttl),
      }
      this.#keys.add(key)
    }
  }

  #timer(callback: () => void, delay: number): Timer {
    return this.#options.runtime.setTimer(callback, delay, false)
  }

  async #expire(key: ExpiringKey, failures: number): Promise<void> {
    const call = new BackgroundCall(this.#options)
    try {
      if (!this.isOver) await this.#delete(key, call)
    } catch {
      if (!this.#keys.has(key)) return
      const wait = backoff(this.#options.runtime, failures)
      key.timer = this.#timer(() => void this.#expire(key, failures + 1), wait)
      return
    } finally {
      call.done()
    }
    this.#keys.delete(key)
    this.#idleIfUnused()
  }

  /** Deletes the key if it is still the one that was written. */
  async #delete({ path, revision }: ExpiringKey, call: Call): Promise<void> {
    const counter = counterOf(path)
    await retryConflicts(this.#options.runtime, call, async () => {
      const [stat, counterStat] = await Promise.all([
        this.#client.exists(path, call),
        this.#client.exists(counter, call),
      ])
      if (stat?.ephemeralOwner !== this.#client.sessionId) return true
      const isMeant =
        revision === undefined ? !this.#hasTtl(path, stat.mzxid) : stat.mzxid === revision
      if (!isMeant) return true
      const deleting = this.#client.multi(
        [
          { type: 'check', path: counter, version: counterStat?.version },
          { type: 'delete', path, version: stat.version },
        ],
        call,
      )
      if ((await unlessConflict(deleting)) === undefined) return undefined
      this.#housekeeping.removed(path, stat.version > 0)
      return true
    })
  }

  /** Whether that write has a ttl of its own. */
  #hasTtl(path: string, revision: bigint): boolean {
    return [...this.#keys].some((other) => other.path === path && other.revision === revision)
  }

  #idleIfUnused(): void {
    if (this.#users === 0 && this.#keys.size === 0 && !this.#closed) this.#onIdle()
  }
}
