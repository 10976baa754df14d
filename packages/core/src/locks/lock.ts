import { LinkedAbortController, abortable, throwIfAborted } from '../calls/abort.ts'
import { atCaller } from '../calls/at-caller.ts'
import type { CallOptions } from '../contract/call-options.ts'
import { LibkvError, isLibkvError } from '../contract/errors.ts'
import type { KVPair } from '../contract/key-value-pair.ts'
import type { HeldLock, LockCallOptions, LockContender, Locker } from '../contract/lock.ts'
import { callRules } from '../options/call-rules.ts'
import { LockAcquisition } from './lock-acquisition.ts'
import type { LockContext } from './lock-context.ts'
import { LockHolder } from './lock-holder.ts'
import { LockQueue } from './lock-queue.ts'
import type { ResolvedLockOptions } from './resolved-lock-options.ts'

/**
 * A lock built from sessions and compare-and-set alone, and therefore the same on every backend.
 * Each acquisition puts an entry that is bound to a session into the lock's queue. The entry with
 * the lowest create revision is the first, unless the last holder chose another successor. Each
 * contender watches only its predecessor, so that a hand-over wakes one contender. (The recipe is
 * that of ZooKeeper's "Locks" and of etcd's `concurrency.Mutex`.)
 *
 * The lock is acquired by creating the lock's own key, on the condition that the contender is the
 * first. The create revision of that key is the fencing token: the store makes it grow from holder
 * to holder, and every client can read it.
 */
export class Lock implements Locker {
  readonly key: string
  readonly #context: LockContext
  readonly #options: ResolvedLockOptions
  readonly #queue: LockQueue
  #busy = false
  #holder: LockHolder | undefined

  constructor(context: LockContext, key: string, options: ResolvedLockOptions) {
    this.#context = context
    this.key = key
    this.#options = options
    this.#queue = new LockQueue(context, key)
  }

  lock(options?: LockCallOptions): Promise<HeldLock> {
    return atCaller(async () => {
      return this.#exclusively(options, (signal) => this.#acquire(signal))
    })
  }

  tryLock(options?: CallOptions): Promise<HeldLock | null> {
    return atCaller(async () => {
      return this.#exclusively(options, (signal) => this.#tryAcquire(signal))
    })
  }

  contenders(options: CallOptions = {}): Promise<LockContender[]> {
    return atCaller(async () => {
      this.#context.calls.check(options, callRules, { operation: 'lock', key: this.key })
      return (await this.#queue.read('all', options)).contenders
    })
  }

  isHeld(): boolean {
    return this.#holder?.isHeld() ?? false
  }

  async unlock(): Promise<void> {
    await this.#holder?.unlock()
  }

  async #tryAcquire(signal: AbortSignal): Promise<HeldLock | null> {
    const { order } = await this.#queue.read('revisions', { signal })
    if (order.length > 0) return null
    const acquisition = await this.#begin(signal)
    try {
      const pair = await acquisition.tryAcquire({ signal })
      if (pair !== null) return this.#hold(acquisition, pair)
    } catch (error) {
      this.#context.inBackground(acquisition.abandon())
      throw error
    }
    const abandoning = acquisition.abandon()
    this.#context.inBackground(abandoning)
    await abortable(abandoning, signal)
    return null
  }

  async #acquire(signal: AbortSignal): Promise<HeldLock> {
    let acquisition = await this.#begin(signal)
    for (;;) {
      try {
        return this.#hold(acquisition, await acquisition.acquire(signal))
      } catch (error) {
        if (signal.aborted || !isRecoverable(error)) {
          this.#context.inBackground(acquisition.abandon())
          throw error
        }
      }
      // The entry was deleted: by the server, when an outage outlasted the session, or by an
      // operator.
      this.#context.inBackground(acquisition.abandon())
      if (this.#options.session?.isAlive() === false) {
        throw this.#error('SESSION_EXPIRED', 'the session of the lock is over')
      }
      acquisition = await this.#beginAgain(signal)
    }
  }

  #hold({ entry }: LockAcquisition, pair: KVPair): HeldLock {
    return (this.#holder = new LockHolder(this.#context, this.#queue, entry, pair))
  }

  /**
   * Joins the queue. An abort rejects at once, while the request continues in the background: only
   * its result shows what has to be removed.
   */
  async #begin(signal: AbortSignal): Promise<LockAcquisition> {
    throwIfAborted(signal)
    const beginning = LockAcquisition.begin(this.#context, this.#queue, this.#options)
    try {
      return await abortable(beginning, signal)
    } catch (error) {
      this.#context.inBackground(beginning.then((acquisition) => acquisition.abandon()))
      throw error
    }
  }

  /** Joins the queue at its end after the entry was lost. Retries through outages. */
  async #beginAgain(signal: AbortSignal): Promise<LockAcquisition> {
    for (;;) {
      try {
        return await this.#begin(signal)
      } catch (error) {
        // A session in the options cannot be opened again.
        const isSessionOver = this.#options.session !== undefined && !isRetryable(error)
        if (signal.aborted || isSessionOver || !isRecoverable(error)) throw error
      }
    }
  }

  /**
   * Runs an acquisition with a signal that fires with the caller's signal and at the timeout.
   *
   * @throws TypeError when the lock is held, or an acquisition runs.
   */
  async #exclusively<T>(
    options: LockCallOptions | undefined,
    work: (signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    const { calls, runtime } = this.#context
    calls.check(options, callRules, { operation: 'lock', key: this.key })
    const { signal, timeout } = options ?? {}
    if (this.#busy || this.isHeld()) {
      throw new TypeError(`the locker of '${this.key}' holds or waits for the lock already`)
    }
    const limit = new LinkedAbortController(signal)
    const timer =
      timeout === undefined
        ? undefined
        : runtime.setTimer(() => {
            limit.abort(this.#error('TIMEOUT', `not acquired within ${String(timeout)} ms`))
          }, timeout)
    this.#busy = true
    try {
      return await work(limit.signal)
    } finally {
      this.#busy = false
      timer?.cancel()
      limit.close()
    }
  }

  #error(code: 'TIMEOUT' | 'SESSION_EXPIRED', message: string): LibkvError {
    const error = new LibkvError(code, message, { retryable: code === 'TIMEOUT' })
    return this.#context.calls.explain(error, { operation: 'lock', key: this.key })
  }
}

/**
 * Whether a contender that was in the queue continues after an error, in its place or at the end of
 * the queue.
 */
const isRecoverable = (error: unknown): boolean =>
  isRetryable(error) || isLibkvError(error, 'SESSION_EXPIRED')

const isRetryable = (error: unknown): boolean => isLibkvError(error) && error.retryable
