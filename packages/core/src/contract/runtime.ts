import { randomUUID } from 'node:crypto'
import { wrongType } from '../options/option-rules.ts'
import type { OptionRule } from '../options/option-rules.ts'

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

// Usually that of the system: fake timers are switched on later.
const loadedClearTimeout = clearTimeout

class SystemTimer implements Timer {
  readonly #callback: () => void
  readonly #keepAlive: boolean
  /** Undefined once it has fired or was cancelled. */
  #timeout: NodeJS.Timeout | undefined
  // That of the clock which the timer was set on: a test may switch fake timers on or off before the timer is cancelled.
  #clear!: typeof clearTimeout

  constructor(callback: () => void, ms: number, keepAlive: boolean) {
    this.#callback = callback
    this.#keepAlive = keepAlive
    this.#wait(ms)
  }

  cancel(): void {
    const timeout = this.#timeout
    // Fake timers of node:test that are cleared after they have fired, or after a reset, remove other timers in their place.
    if (timeout === undefined) return
    this.#timeout = undefined
    const clear = this.#clear
    if (clear === clearTimeout || clear === loadedClearTimeout) clear(timeout)
    else unref(timeout)
  }

  #wait(ms: number): void {
    this.#clear = clearTimeout
    this.#timeout = setTimeout(
      () => {
        if (this.#timeout === undefined) return
        this.#timeout = undefined
        if (ms <= LONGEST_DELAY) this.#callback()
        else this.#wait(ms - LONGEST_DELAY)
      },
      Math.min(ms, LONGEST_DELAY),
    )
    if (!this.#keepAlive) unref(this.#timeout)
  }
}

/** The timers of jsdom are numbers, and hold nothing. */
function unref(timeout: Partial<NodeJS.Timeout>): void {
  timeout.unref?.()
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
