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
  setTimer(callback, ms, keepAlive = true) {
    let timer = setTimeout(
      function tick() {
        ms -= LONGEST_DELAY
        if (ms <= 0) return callback()
        timer = setTimeout(tick, Math.min(ms, LONGEST_DELAY))
      },
      Math.min(ms, LONGEST_DELAY),
    )
    if (!keepAlive) timer.unref()
    return {
      cancel: () => {
        clearTimeout(timer)
      },
    }
  },
}
