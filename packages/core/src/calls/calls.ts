import { onAbort } from './abort.ts'
import { backoff } from './backoff.ts'
import { Deadlines } from './deadlines.ts'
import type { Mortal } from './deadlines.ts'
import { callChannel, isCallTraced } from '../contract/diagnostics.ts'
import type { CallMessage } from '../contract/diagnostics.ts'
import type { Call, Driver } from '../driver-kit/driver.ts'
import { LibkvError, isLibkvError } from '../contract/errors.ts'
import { shownKey } from '../contract/keys.ts'
import type { ResolvedOptions } from '../options/options.ts'
import { checkOptions } from '../options/option-rules.ts'
import type { OptionRule } from '../options/option-rules.ts'
import { holdsSecret, redact } from '../driver-kit/redact.ts'
import type { CallOptions } from '../contract/call-options.ts'

/** What a call is about, and how it may be repeated. */
export interface CallDescription<T> {
  readonly operation: string
  readonly key?: string | undefined
  /** Whether to repeat it changes nothing, so that a lost answer does no harm. */
  readonly repeatable: boolean
  /** Gets a result that came after the call was settled, so that what it holds can be given back. */
  readonly discard?: (late: T) => void
  /** Whether the library itself may make it while the store closes. */
  readonly whileClosing?: boolean
  /**
   * What it is called when no answer comes in time.
   *
   * @default 'TIMEOUT'
   */
  readonly overdue?: 'TIMEOUT' | 'NOT_REACHABLE'
}

/** All calls of one store go through here: deadlines, signals, retries, close, and the wording of errors. */
export class Calls {
  readonly #driver: Driver
  readonly #options: ResolvedOptions
  readonly #deadlines: Deadlines<PendingCall<never>>
  #closed = false

  constructor(driver: Driver, options: ResolvedOptions) {
    this.#driver = driver
    this.#options = options
    this.#deadlines = new Deadlines(options.runtime, (call) => {
      call.cancel(this.#timedOut(call))
    })
  }

  get closed(): boolean {
    return this.#closed
  }

  run<T>(
    description: CallDescription<T>,
    options: CallOptions | undefined,
    attempt: (call: Call) => Promise<T>,
  ): Promise<T> {
    if (!isCallTraced()) return this.#run(description, options, attempt)
    return this.#traced(description, options, attempt)
  }

  /**
   * Checks what a caller passed as options.
   *
   * @throws TypeError, LibkvError `INVALID_OPTION`.
   */
  check(
    options: object | undefined,
    rules: Readonly<Record<string, OptionRule>>,
    description: Pick<CallDescription<never>, 'operation' | 'key'>,
  ): void {
    if (options === undefined) return
    try {
      checkOptions(options, rules)
    } catch (error) {
      throw isLibkvError(error) ? this.explain(error, description) : error
    }
  }

  /** Refuses further calls and rejects those in flight, but for those that are made `whileClosing`. */
  close(): void {
    this.#closed = true
    this.#rejectPending(({ whileClosing }) => whileClosing !== true)
    this.#deadlines.windDown()
  }

  /** Rejects all calls in flight. */
  rejectAll(): void {
    this.#rejectPending(() => true)
  }

  closedError(description: Pick<CallDescription<never>, 'operation' | 'key'>): LibkvError {
    return this.explain(new LibkvError('CLOSED', 'the store is closed'), description)
  }

  /** The error as the user sees it: naming operation, key, backend and endpoint. */
  explain(
    error: LibkvError,
    { operation, key }: { operation: string; key?: string | undefined },
  ): LibkvError {
    const { backend, endpoint, secrets = [] } = this.#driver
    const { code, retryable, ambiguous, current, cause } = error
    const about = error.key ?? key
    const what = about === undefined ? operation : `${operation} ${shownKey(about)}`
    const message = redact(error.message, secrets)
    return new LibkvError(code, `${what} on ${backend} (${endpoint}): ${message}`, {
      backend,
      key: about,
      retryable,
      ambiguous,
      current,
      cause: holdsSecret(cause, secrets) ? undefined : cause,
    })
  }

  #run<T>(
    description: CallDescription<T>,
    options: CallOptions | undefined,
    attempt: (call: Call) => Promise<T>,
  ): Promise<T> {
    const signal = options?.signal
    if (signal?.aborted === true) return reject(signal.reason)
    if (this.#closed && description.whileClosing !== true) {
      return reject(this.closedError(description))
    }
    const { runtime, requestTimeout, connectionTimeout } = this.#options
    const timeout = options?.timeout ?? requestTimeout
    const now = runtime.now()
    const call = new PendingCall<T>(description, { now, timeout, signal }, this.#deadlines)
    call.connectDeadline = Math.min(now + connectionTimeout, call.deadline)
    this.#attempt(call, attempt, 0)
    return call.answer
  }

  #rejectPending(isMeant: (description: CallDescription<never>) => boolean): void {
    for (const call of [...this.#deadlines.pending]) {
      if (isMeant(call.description)) call.cancel(this.closedError(call.description))
    }
  }

  #traced<T>(
    description: CallDescription<T>,
    options: CallOptions | undefined,
    attempt: (call: Call) => Promise<T>,
  ): Promise<T> {
    const message: CallMessage = {
      backend: this.#driver.backend,
      endpoint: this.#driver.endpoint,
      namespace: this.#options.namespace,
      operation: description.operation,
      key: description.key,
    }
    return callChannel.start.runStores(message, async () => {
      const answer = this.#run(description, options, attempt)
      callChannel.end.publish(message)
      try {
        return await answer
      } catch (error) {
        message.error = error
        callChannel.error.publish(message)
        throw error
      } finally {
        // Values are no part of the message, so this is not Node's tracePromise, which adds the result.
        callChannel.asyncStart.publish(message)
        callChannel.asyncEnd.publish(message)
      }
    })
  }

  #attempt<T>(call: PendingCall<T>, attempt: (call: Call) => Promise<T>, count: number): void {
    call.begin()
    call.isRepeated = count > 0
    let answer: Promise<T>
    try {
      answer = attempt(call)
    } catch (error) {
      answer = reject(error)
    }
    answer.then(
      (value) => {
        if (call.settled) call.description.discard?.(value)
        else call.succeed(value)
      },
      (error: unknown) => {
        if (!call.settled) this.#failed(call, attempt, count, error)
      },
    )
  }

  #failed<T>(
    call: PendingCall<T>,
    attempt: (call: Call) => Promise<T>,
    count: number,
    error: unknown,
  ): void {
    if (!isLibkvError(error)) {
      call.fail(error)
      return
    }
    const { runtime, connectionTimeout } = this.#options
    if (error.retryable && (call.description.repeatable || !error.ambiguous)) {
      const now = runtime.now()
      if (error.code !== 'NOT_REACHABLE') {
        call.connectDeadline = Math.min(now + connectionTimeout, call.deadline)
      }
      const wait = backoff(runtime, count)
      if (now + wait < call.connectDeadline) {
        const retry = runtime.setTimer(() => {
          this.#attempt(call, attempt, count + 1)
        }, wait)
        call.begin()
        call.onCancel(() => {
          retry.cancel()
        })
        return
      }
    }
    call.fail(this.explain(error, call.description))
  }

  #timedOut({ description, timeout, sent }: PendingCall<never>): LibkvError {
    const { repeatable, overdue = 'TIMEOUT' } = description
    const error = new LibkvError(overdue, `no answer within ${String(timeout)} ms`, {
      retryable: true,
      ambiguous: sent && !repeatable,
    })
    return this.explain(error, description)
  }
}

class PendingCall<T> implements Call, Mortal {
  readonly description: CallDescription<T>
  readonly timeout: number
  readonly deadline: number
  readonly answer: Promise<T>
  connectDeadline = 0
  isRepeated = false
  settled = false
  sent = false
  place = 0
  readonly #deadlines: Deadlines<PendingCall<never>>
  readonly #withdraw: (() => void) | undefined
  #resolve!: (value: T) => void
  #reject!: (error: unknown) => void
  /** Nearly always there is one, so it gets no list. */
  #onCancel: (() => void) | (() => void)[] | undefined

  constructor(
    description: CallDescription<T>,
    { now, timeout, signal }: { now: number; timeout: number; signal: AbortSignal | undefined },
    deadlines: Deadlines<PendingCall<never>>,
  ) {
    this.description = description
    this.timeout = timeout
    this.deadline = now + timeout
    this.answer = new Promise((resolve, rejectAnswer) => {
      this.#resolve = resolve
      this.#reject = rejectAnswer
    })
    this.#deadlines = deadlines
    deadlines.add(this as unknown as PendingCall<never>, now)
    this.#withdraw =
      signal &&
      onAbort(signal, () => {
        this.cancel(signal.reason)
      })
  }

  /** A new attempt begins: what was sent before has been answered. */
  begin(): void {
    this.sent = false
    this.#onCancel = undefined
  }

  markSent(): void {
    this.sent = true
  }

  onCancel(callback: () => void): void {
    if (this.settled) callback()
    else if (this.#onCancel === undefined) this.#onCancel = callback
    else this.#onCancel = [this.#onCancel, callback].flat()
  }

  succeed(value: T): void {
    this.#settle()
    this.#resolve(value)
  }

  fail(error: unknown): void {
    this.#settle()
    this.#reject(error)
  }

  /** Settles the call from outside, while the driver is still at it. */
  cancel(error: unknown): void {
    if (this.settled) return
    this.#settle()
    this.#reject(error)
    for (const callback of [this.#onCancel ?? []].flat()) callback()
  }

  #settle(): void {
    this.settled = true
    this.#deadlines.remove(this as unknown as PendingCall<never>)
    this.#withdraw?.()
  }
}

function reject(reason: unknown): Promise<never> {
  // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors -- an abort rejects with the signal's own reason
  return Promise.reject(reason)
}
