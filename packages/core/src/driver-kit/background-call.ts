import type { Runtime, Timer } from '../contract/runtime.ts'
import type { Call } from './driver.ts'

/** The parts of the options of a store that calls of the library's own depend on. */
export interface CallTiming {
  readonly runtime: Runtime
  /** Deadline of a call, in ms. */
  readonly requestTimeout: number
  /** Deadline for reaching a server, in ms. */
  readonly connectionTimeout: number
}

/**
 * A {@link Call} that a driver makes for itself, such as the read of a feed's snapshot. It has a deadline and can be cancelled.
 * Its timer does not keep the process alive.
 */
export class BackgroundCall implements Call {
  readonly deadline: number
  readonly connectDeadline: number
  readonly isRepeated: boolean
  readonly #timer: Timer
  readonly #callbacks: (() => void)[] = []
  #settled = false

  /** @param isRepeated - whether it repeats a call that failed. */
  constructor({ runtime, requestTimeout, connectionTimeout }: CallTiming, isRepeated = false) {
    this.isRepeated = isRepeated
    const now = runtime.now()
    this.deadline = now + requestTimeout
    this.connectDeadline = now + Math.min(requestTimeout, connectionTimeout)
    this.#timer = runtime.setTimer(
      () => {
        this.cancel()
      },
      requestTimeout,
      false,
    )
  }

  get settled(): boolean {
    return this.#settled
  }

  markSent(): void {
    // Without a caller, nothing depends on whether the request was sent.
  }

  onCancel(callback: () => void): void {
    if (this.#settled) callback()
    else this.#callbacks.push(callback)
  }

  /** Ends the call after its answer. Idempotent. */
  done(): void {
    this.#settled = true
    this.#timer.cancel()
  }

  /** Drops the request. Idempotent. */
  cancel(): void {
    if (this.#settled) return
    this.done()
    for (const callback of this.#callbacks) callback()
  }
}
