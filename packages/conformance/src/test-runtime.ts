import { systemRuntime } from '@libkv/core/driver'
import type { Runtime, Timer } from '@libkv/core'

/** The system's runtime with clocks that can jump and timers that can stop, which is what a frozen process looks like. */
export class TestRuntime implements Runtime {
  #frozen = false
  #leap = 0
  #wallLeap = 0

  now(): number {
    return systemRuntime.now() + this.#leap
  }

  wallClock(): number {
    return systemRuntime.wallClock() + this.#wallLeap
  }

  random(): number {
    return systemRuntime.random()
  }

  uuid(): string {
    return systemRuntime.uuid()
  }

  setTimer(callback: () => void, ms: number, keepAlive?: boolean): Timer {
    const unlessFrozen = (): void => {
      if (!this.#frozen) callback()
    }
    return systemRuntime.setTimer(unlessFrozen, ms, keepAlive)
  }

  /** No timer fires any more, so nothing is renewed: to the server the process is dead. */
  freeze(): void {
    this.#frozen = true
  }

  /** Timers fire again; those whose time came in between do not. */
  thaw(): void {
    this.#frozen = false
  }

  /** The monotonic clock is found to be later: the event loop was blocked, or the machine slept. */
  leap(ms: number): void {
    this.#leap += ms
  }

  /** Somebody sets the wall clock. */
  setWallClock(by: number): void {
    this.#wallLeap += by
  }
}
