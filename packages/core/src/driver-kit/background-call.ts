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
 * It does not keep the process alive, unless {@link BackgroundCall.hold} says so.
 */
export class BackgroundCall implements Call {
  readonly deadline: number
  readonly connectDeadline: number
  readonly isRepeated: boolean
  readonly #runtime: Runtime
  #timer: Timer
  #holdsProcess = false
  readonly #callbacks: (() => void)[] = []
  #settled = false

  /** @param isRepeated - whether it repeats a call that failed. */
  constructor({ runtime, requestTimeout, connectionTimeout }: CallTiming, isRepeated = false) {
    this.#runtime = runtime
    this.isRepeated = isRepeated
    const now = runtime.now()
    this.deadline = now + requestTimeout
    this.connectDeadline = now + Math.min(requestTimeout, connectionTimeout)
    this.#timer = this.#startTimer()
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

  /** Keeps the process alive until the call is over, or does so no longer. */
  hold(holdsProcess = true): void {
    if (this.#settled || holdsProcess === this.#holdsProcess) return
    this.#holdsProcess = holdsProcess
    this.#timer.cancel()
    this.#timer = this.#startTimer()
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

  #startTimer(): Timer {
    return this.#runtime.setTimer(
      () => {
        this.cancel()
      },
      Math.max(0, this.deadline - this.#runtime.now()),
      this.#holdsProcess,
    )
  }
}
