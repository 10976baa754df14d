import { onAbort } from '../calls/abort.ts'
import type { Calls } from '../calls/calls.ts'
import { watchChannel } from '../contract/diagnostics.ts'
import type { Change, Driver, Entry, Observation, Observer, Scope } from '../driver-kit/driver.ts'
import { LibkvError, isLibkvError } from '../contract/errors.ts'
import type { Runtime, Timer } from '../contract/runtime.ts'
import type { CallOptions } from '../contract/call-options.ts'

/** What a watch needs of its store. */
export interface WatchContext {
  readonly driver: Driver
  readonly calls: Calls
  readonly runtime: Runtime
  /** The watches that are open, to be ended when the store closes. */
  readonly watches: Set<{ end(): void }>
}

/**
 * One iteration over the states of a scope. What the driver reports is kept as the latest state only, until the
 * reader asks: so a slow reader costs bounded memory and gets the last state.
 */
export abstract class Watch<T> implements Observer, AsyncIterableIterator<T, undefined> {
  readonly #context: WatchContext
  readonly #key: string
  readonly #signal: AbortSignal | undefined
  readonly #readers: Reader<T>[] = []
  #observation: Observation | undefined
  #timer: Timer | undefined
  #withdraw: (() => void) | undefined
  #ended = false
  #error: { readonly reason: unknown } | undefined

  protected constructor(context: WatchContext, key: string, options: CallOptions | undefined) {
    this.#context = context
    this.#key = key
    this.#signal = options?.signal
    const timeout = options?.timeout
    if (timeout !== undefined) {
      this.#timer = context.runtime.setTimer(() => {
        this.fail(
          new LibkvError('TIMEOUT', `no first state within ${String(timeout)} ms`, {
            retryable: true,
          }),
        )
      }, timeout)
    }
  }

  /** The method of the store that opened it. */
  protected abstract readonly operation: string
  /** The next state to deliver, undefined when there is none yet. It counts as delivered from now on. */
  protected abstract take(): T | undefined
  abstract snapshot(entries: readonly Entry[], revision: bigint): void
  abstract changes(changes: readonly Change[], revision: bigint): void

  /** Starts the feed. */
  open(scope: Scope): this {
    if (this.#signal?.aborted === true) {
      this.#finish({ reason: this.#signal.reason })
      return this
    }
    this.#withdraw = this.#signal && onAbort(this.#signal, this.#onAbort)
    this.#context.watches.add(this)
    this.#publish('opened')
    this.#observation = this.#context.driver.observe(scope, this)
    return this
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  next(): Promise<IteratorResult<T, undefined>> {
    return new Promise((resolve, reject) => {
      this.#readers.push({ resolve, reject })
      this.#serve()
    })
  }

  return(): Promise<IteratorResult<T, undefined>> {
    this.#finish(undefined)
    return Promise.resolve({ done: true, value: undefined })
  }

  end(): void {
    this.#finish(undefined)
  }

  fail(error: unknown): void {
    const reason = isLibkvError(error)
      ? this.#context.calls.explain(error, { operation: this.operation, key: this.#key })
      : error
    this.#finish({ reason })
  }

  /** To be called when there may be a new state. */
  protected arrived(): void {
    this.#timer?.cancel()
    this.#serve()
  }

  /** Hands the next state to the reader that waits for one. */
  #serve(): void {
    while (this.#readers.length > 0) {
      if (this.#ended) {
        const reader = this.#readers.shift()
        const error = this.#error
        this.#error = undefined
        if (error === undefined) reader?.resolve({ done: true, value: undefined })
        else reader?.reject(error.reason)
        continue
      }
      const state = this.take()
      if (state === undefined) return
      this.#publish('state')
      this.#readers.shift()?.resolve({ done: false, value: state })
    }
  }

  #finish(error: { readonly reason: unknown } | undefined): void {
    if (this.#ended) return
    this.#ended = true
    this.#error = error
    this.#timer?.cancel()
    this.#observation?.close()
    this.#withdraw?.()
    this.#context.watches.delete(this)
    this.#publish('ended')
    this.#serve()
  }

  readonly #onAbort = (): void => {
    this.#finish({ reason: this.#signal?.reason })
  }

  #publish(event: 'opened' | 'state' | 'ended'): void {
    if (!watchChannel.hasSubscribers) return
    watchChannel.publish({ backend: this.#context.driver.backend, key: this.#key, event })
  }
}

interface Reader<T> {
  readonly resolve: (result: IteratorResult<T, undefined>) => void
  readonly reject: (reason: unknown) => void
}
