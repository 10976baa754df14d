import type { Runtime, Timer } from './runtime.ts'

const FIRST = 20
const LONGEST = 1000

/** When to try the next server: at once until all have failed, then after pauses that double, with jitter. */
export class Redial {
  readonly #runtime: Runtime
  readonly #servers: number
  readonly #dial: () => void
  #failures = 0
  #keepAlive = true
  #due = 0
  #timer: Timer | undefined

  constructor(runtime: Runtime, servers: number, dial: () => void) {
    this.#runtime = runtime
    this.#servers = servers
    this.#dial = dial
  }

  /** Whether each server has failed since the last success. */
  get allFailed(): boolean {
    return this.#failures >= this.#servers
  }

  /** Whether a pause keeps the process alive. */
  set keepAlive(keepAlive: boolean) {
    if (keepAlive === this.#keepAlive) return
    this.#keepAlive = keepAlive
    if (this.#timer !== undefined) this.#schedule(Math.max(0, this.#due - this.#runtime.now()))
  }

  succeeded(): void {
    this.#failures = 0
  }

  /** An attempt has failed, or a connection was lost. */
  failed(): void {
    const pauses = this.#failures++ - this.#servers
    const longest = pauses < 0 ? 0 : Math.min(LONGEST, FIRST * 2 ** Math.min(pauses, 10))
    this.#schedule(longest * (0.5 + this.#runtime.random() / 2))
  }

  now(): void {
    this.#schedule(0)
  }

  stop(): void {
    this.#timer?.cancel()
    this.#timer = undefined
  }

  #schedule(wait: number): void {
    this.#timer?.cancel()
    this.#due = this.#runtime.now() + wait
    const dial = (): void => {
      this.#timer = undefined
      this.#dial()
    }
    this.#timer = this.#runtime.setTimer(dial, wait, this.#keepAlive)
  }
}
