import type { Call } from '@libkv/core/driver'
import type { Runtime, Timer } from '@libkv/core'

/** The call of a blocking query: while nobody watches it holds neither a timer nor, by that, the process. */
export class BlockingCall implements Call {
  readonly deadline: number = Infinity
  readonly connectDeadline: number
  readonly #runtime: Runtime
  readonly #timeout: number
  #timer: Timer | undefined
  #callback: (() => void) | undefined
  settled = false

  /** @param timeout - after how many milliseconds the agent is taken to hang. */
  constructor(runtime: Runtime, timeout: number) {
    this.#runtime = runtime
    this.#timeout = timeout
    this.connectDeadline = runtime.now() + timeout
    this.hold()
  }

  markSent(): void {
    // Nobody asks whether it was.
  }

  onCancel(callback: () => void): void {
    if (this.settled) callback()
    else this.#callback = callback
  }

  hold(): void {
    if (this.settled || this.#timer !== undefined) return
    this.#timer = this.#runtime.setTimer(() => {
      this.cancel()
    }, this.#timeout)
  }

  release(): void {
    this.#timer?.cancel()
    this.#timer = undefined
  }

  done(): void {
    this.settled = true
    this.release()
  }

  cancel(): void {
    if (this.settled) return
    this.done()
    this.#callback?.()
  }
}
