/** A pending timer. */
export interface Timer {
  cancel(): void
}

/**
 * Time and chance. Core, backends and recipes take both from here and nowhere else, so that a test can be the clock.
 */
export interface Runtime {
  /** The monotonic clock, in milliseconds. It does not jump when the wall clock is set. */
  now(): number
  /** The wall clock, in milliseconds since 1970. */
  wallClock(): number
  /** A number in [0, 1). */
  random(): number
  /** An identifier that nobody else has. */
  uuid(): string
  /** Calls back after `ms` milliseconds. A timer that is not `keepAlive` does not hold the process. */
  setTimer(callback: () => void, ms: number, keepAlive?: boolean): Timer
}

// Node turns a longer delay into 1 ms.
const LONGEST_DELAY = 2 ** 31 - 1

/** The machine's own clocks and randomness. */
export const systemRuntime: Runtime = {
  now: () => performance.now(),
  wallClock: () => Date.now(),
  random: () => Math.random(),
  uuid: () => crypto.randomUUID(),
  setTimer: (callback, ms, keepAlive = true) => new SystemTimer(callback, ms, keepAlive),
}

class SystemTimer implements Timer {
  readonly #callback: () => void
  readonly #keepAlive: boolean
  #timeout!: NodeJS.Timeout

  constructor(callback: () => void, ms: number, keepAlive: boolean) {
    this.#callback = callback
    this.#keepAlive = keepAlive
    this.#wait(ms)
  }

  cancel(): void {
    clearTimeout(this.#timeout)
  }

  #wait(ms: number): void {
    this.#timeout =
      ms <= LONGEST_DELAY
        ? setTimeout(this.#callback, ms)
        : setTimeout(() => {
            this.#wait(ms - LONGEST_DELAY)
          }, LONGEST_DELAY)
    if (!this.#keepAlive) this.#timeout.unref()
  }
}
