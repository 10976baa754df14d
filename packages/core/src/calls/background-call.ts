import type { Call } from '../driver-kit/driver.ts'
import type { Runtime, Timer } from '../contract/runtime.ts'

/** A call that a driver makes for itself, such as the reading of a feed's snapshot: with a deadline, and to be cancelled. */
export class BackgroundCall implements Call {
  readonly deadline: number
  readonly connectDeadline: number
  readonly #timer: Timer
  readonly #callbacks: (() => void)[] = []
  #settled = false

  constructor(runtime: Runtime, timeout: number, connectionTimeout: number = timeout) {
    const now = runtime.now()
    this.deadline = now + timeout
    this.connectDeadline = now + Math.min(timeout, connectionTimeout)
    this.#timer = runtime.setTimer(() => {
      this.cancel()
    }, timeout)
  }

  get settled(): boolean {
    return this.#settled
  }

  markSent(): void {
    // Nobody asks whether it was.
  }

  onCancel(callback: () => void): void {
    if (this.#settled) callback()
    else this.#callbacks.push(callback)
  }

  /** To be called when the answer is there. */
  done(): void {
    this.#settled = true
    this.#timer.cancel()
  }

  /** Drops the request. */
  cancel(): void {
    if (this.#settled) return
    this.done()
    for (const callback of this.#callbacks) callback()
  }
}
