import { LinkedAbortController, abortable, throwIfAborted } from '../calls/abort.ts'
import { atCaller } from '../calls/at-caller.ts'
import { callRules } from '../options/call-rules.ts'
import { LibkvError, isLibkvError } from '../contract/errors.ts'
import { Contender } from './lock-contender.ts'
import { LockHolding } from './lock-holding.ts'
import type { KVPair } from '../contract/key-value-pair.ts'
import type { LockContext } from './lock-context.ts'
import type { ResolvedLockOptions } from './resolved-lock-options.ts'
import { LockLine } from './lock-line.ts'
import type { CallOptions } from '../contract/call-options.ts'
import type { HeldLock, LockCallOptions, LockContender, Locker } from '../contract/lock.ts'

/**
 * A lock over sessions and compare-and-set alone, so that it is the same on every backend. Each attempt puts a contender
 * key that is bound to a session; it is the turn of the lowest create revision, unless the last holder named somebody else;
 * everyone else watches only the contender just ahead, so that a hand-over wakes one. (The recipe is that of ZooKeeper's
 * "Locks" and of etcd's `concurrency.Mutex`.)
 *
 * To take the lock is to create the lock's own key, in one step with the condition that it is one's turn. So the fencing
 * token, the create revision of that key, grows over all holders by the store's own rules, and everyone can see it.
 */
export class KeyLocker implements Locker {
  readonly key: string
  readonly #context: LockContext
  readonly #options: ResolvedLockOptions
  #busy = false
  #holding: LockHolding | undefined

  constructor(context: LockContext, key: string, options: ResolvedLockOptions) {
    this.#context = context
    this.key = key
    this.#options = options
  }

  lock(options?: LockCallOptions): Promise<HeldLock> {
    return atCaller(async () => {
      return this.#exclusively(options, (signal) => this.#acquire(signal))
    })
  }

  tryLock(options?: CallOptions): Promise<HeldLock | null> {
    return atCaller(async () => {
      return this.#exclusively(options, async (signal) => {
        const line = await LockLine.read(this.#context, this.key, false, { signal })
        if (line.order.length > 0) return null
        const contender = await this.#enter(signal)
        try {
          const pair = await contender.tryTake({ signal })
          if (pair !== null) return this.#hold(contender, pair)
        } catch (error) {
          this.#context.inBackground(contender.leave())
          throw error
        }
        const leaving = contender.leave()
        this.#context.inBackground(leaving)
        await abortable(leaving, signal)
        return null
      })
    })
  }

  contenders(options: CallOptions = {}): Promise<LockContender[]> {
    return atCaller(async () => {
      this.#context.calls.check(options, callRules, { operation: 'lock', key: this.key })
      return (await LockLine.read(this.#context, this.key, true, options)).contenders
    })
  }

  isHeld(): boolean {
    return this.#holding?.isHeld() ?? false
  }

  async unlock(): Promise<void> {
    await this.#holding?.unlock()
  }

  async #acquire(signal: AbortSignal): Promise<HeldLock> {
    let contender = await this.#enter(signal)
    for (;;) {
      try {
        return this.#hold(contender, await contender.take(signal))
      } catch (error) {
        if (signal.aborted || !passes(error)) {
          this.#context.inBackground(contender.leave())
          throw error
        }
      }
      // The place in the line is lost: the store was away for longer than the session, or an operator removed it.
      this.#context.inBackground(contender.leave())
      if (this.#options.session?.isAlive() === false) {
        throw this.#error('SESSION_EXPIRED', 'the session of the lock is over')
      }
      contender = await this.#enterAgain(signal)
    }
  }

  #hold(contender: Contender, pair: KVPair): HeldLock {
    return (this.#holding = new LockHolding(this.#context, contender, pair))
  }

  /**
   * Gets in line. An abort is answered at once, but the request is seen through, since only its answer tells what has to
   * be taken back.
   */
  async #enter(signal: AbortSignal): Promise<Contender> {
    throwIfAborted(signal)
    const entering = Contender.enter(this.#context, this.key, this.#options)
    try {
      return await abortable(entering, signal)
    } catch (error) {
      this.#context.inBackground(entering.then((contender) => contender.leave()))
      throw error
    }
  }

  /** Having been in line once, it keeps trying through outages. */
  async #enterAgain(signal: AbortSignal): Promise<Contender> {
    for (;;) {
      try {
        return await this.#enter(signal)
      } catch (error) {
        // Only a session of its own can be opened anew.
        const isOver = this.#options.session !== undefined && !isRetryable(error)
        if (signal.aborted || isOver || !passes(error)) throw error
      }
    }
  }

  /** Does the work unless this locker holds or waits already; the signal is that of the caller and the timeout together. */
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

/** Whether a contender that was in line goes on after that failure: in its place, or at the end of the line. */
const passes = (error: unknown): boolean =>
  isRetryable(error) || isLibkvError(error, 'SESSION_EXPIRED')

const isRetryable = (error: unknown): boolean => isLibkvError(error) && error.retryable
