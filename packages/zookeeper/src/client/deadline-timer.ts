import type { Runtime, Timer } from './runtime.ts'

/** One timer for the deadlines of many calls, nearly all of which are answered before. */
export class DeadlineTimer {
  readonly #runtime: Runtime
  readonly #sweep: (now: number) => number
  #due = Infinity
  #timer: Timer | undefined

  /** `sweep` ends what is due, and says when the next one will be. */
  constructor(runtime: Runtime, sweep: (now: number) => number) {
    this.#runtime = runtime
    this.#sweep = sweep
  }

  /** Sees to it that a sweep happens at `deadline`. */
  include(deadline: number): void {
    if (deadline >= this.#due) return
    this.#timer?.cancel()
    this.#due = deadline
    const wait = Math.max(0, deadline - this.#runtime.now())
    const sweep = (): void => {
      this.#due = Infinity
      this.include(this.#sweep(this.#runtime.now()))
    }
    // It stays when the calls are answered, and must not keep the process alive for nothing.
    this.#timer = this.#runtime.setTimer(sweep, wait, false)
  }

  stop(): void {
    this.#timer?.cancel()
    this.#due = Infinity
  }
}
