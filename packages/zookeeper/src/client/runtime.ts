/** A pending timer. */
export interface Timer {
  cancel(): void
}

/** Time and chance. The client takes both from here and nowhere else; `systemRuntime` of `@libkv/core` is one. */
export interface Runtime {
  /** A monotonic clock, in milliseconds. */
  now(): number
  /** A number in [0, 1). */
  random(): number
  /** Calls back after `ms` milliseconds. A timer that is not `keepAlive` does not hold the process. */
  setTimer(callback: () => void, ms: number, keepAlive?: boolean): Timer
}
