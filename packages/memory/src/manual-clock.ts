import { MessageChannel } from 'node:worker_threads'
import { systemRuntime } from '@libkv/core/driver'
import type { Runtime, Timer } from '@libkv/core'

interface PendingTimer extends Timer {
  readonly due: number
  readonly callback: () => void
}

/**
 * A clock that moves only when a test moves it: the option `runtime` of stores, candidates and registrations.
 *
 * @example
 * const clock = new ManualClock()
 * const kv = memory(['test'], { runtime: clock })
 * await kv.put('a', 'tea', { ttl: 5_000 })
 * await clock.advance(6_000)
 * console.log(await kv.get('a')) // null
 */
export class ManualClock implements Runtime {
  #now = 5_000
  #wallClock: number
  readonly #timers = new Set<PendingTimer>()

  /** @param wallClock - the wall clock at the start, in milliseconds since 1970. */
  constructor(wallClock: number = systemRuntime.wallClock()) {
    this.#wallClock = wallClock
  }

  now(): number {
    return this.#now
  }

  wallClock(): number {
    return this.#wallClock
  }

  random(): number {
    return 0.5
  }

  uuid(): string {
    return systemRuntime.uuid()
  }

  setTimer(callback: () => void, ms: number): Timer {
    const timer: PendingTimer = {
      due: this.#now + Math.max(0, ms),
      callback,
      cancel: () => {
        this.#timers.delete(timer)
      },
    }
    this.#timers.add(timer)
    return timer
  }

  /** The number of timers that have neither fired nor been cancelled. */
  get pendingTimers(): number {
    return this.#timers.size
  }

  /** Moves the clock. Due timers fire in order, each at its time; promise jobs run after each of them. */
  async advance(ms: number): Promise<void> {
    const end = this.#now + ms
    await turn()
    for (let next = this.#nextDue(end); next !== undefined; next = this.#nextDue(end)) {
      this.block(Math.max(0, next.due - this.#now))
      this.#timers.delete(next)
      next.callback()
      await turn()
    }
    this.block(end - this.#now)
  }

  /** Moves the clock without firing timers, as if the event loop were blocked or the machine suspended. */
  block(ms: number): void {
    this.#now += ms
    this.#wallClock += ms
  }

  #nextDue(end: number): PendingTimer | undefined {
    let next: PendingTimer | undefined
    for (const timer of this.#timers) {
      if (timer.due <= end && (next === undefined || timer.due < next.due)) next = timer
    }
    return next
  }
}

/** Waits until all promise jobs have run. It takes a message: fake timers replace `setImmediate`. */
function turn(): Promise<void> {
  const { port1, port2 } = new MessageChannel()
  return new Promise((resolve) => {
    port1.once('message', () => {
      port1.close()
      resolve()
    })
    port2.postMessage(undefined)
  })
}
