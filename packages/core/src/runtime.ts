import { randomUUID } from 'node:crypto'
import { wrongType } from './option-rules.ts'
import type { OptionRule } from './option-rules.ts'

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
  uuid: () => randomUUID(),
  setTimer: (callback, ms, keepAlive = true) => new SystemTimer(callback, ms, keepAlive),
}

class SystemTimer implements Timer {
  readonly #callback: () => void
  readonly #keepAlive: boolean
  #timeout!: NodeJS.Timeout
  // That of the clock which the timer was set on: a test may put fake timers in its place before the timer is cancelled.
  #clear!: typeof clearTimeout

  constructor(callback: () => void, ms: number, keepAlive: boolean) {
    this.#callback = callback
    this.#keepAlive = keepAlive
    this.#wait(ms)
  }

  cancel(): void {
    const clear = this.#clear
    clear(this.#timeout)
  }

  #wait(ms: number): void {
    this.#clear = clearTimeout
    this.#timeout =
      ms <= LONGEST_DELAY
        ? setTimeout(this.#callback, ms)
        : setTimeout(() => {
            this.#wait(ms - LONGEST_DELAY)
          }, LONGEST_DELAY)
    // The timers of jsdom are numbers, and hold nothing.
    if (!this.#keepAlive) (this.#timeout as Partial<NodeJS.Timeout>).unref?.()
  }
}

const methods = ['now', 'wallClock', 'random', 'uuid', 'setTimer'] as const

/** The option `runtime`, which tests pass. */
export const runtimeRule: OptionRule = {
  check: (value, name) => {
    if (typeof value !== 'object' || value === null) throw wrongType(name, 'a Runtime', value)
    const missing = methods.find((method) => typeof (value as Runtime)[method] !== 'function')
    if (missing === undefined) return undefined
    throw new TypeError(`${name} must be a Runtime; it has no method ${missing}()`)
  },
}
