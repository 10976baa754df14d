import type { Runtime, Timer } from '../src/index.ts'

/** Lets everything run that can run without time going by. */
export function turn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve)
  })
}

interface PendingTimer extends Timer {
  readonly due: number
  readonly order: number
  readonly callback: () => void
}

/** A runtime whose time stands still until the test moves it. */
export class ManualRuntime implements Runtime {
  /** What {@link random} gives. */
  chance = 0.5
  #now = 5_000
  #wallClock = 1_700_000_000_000
  #count = 0
  readonly #timers = new Set<PendingTimer>()

  now(): number {
    return this.#now
  }

  wallClock(): number {
    return this.#wallClock
  }

  random(): number {
    return this.chance
  }

  uuid(): string {
    return `uuid-${String(++this.#count)}`
  }

  setTimer(callback: () => void, ms: number): Timer {
    const timer: PendingTimer = {
      due: this.#now + Math.max(0, ms),
      order: ++this.#count,
      callback,
      cancel: () => {
        this.#timers.delete(timer)
      },
    }
    this.#timers.add(timer)
    return timer
  }

  /** How many timers have neither fired nor been cancelled. */
  get pendingTimers(): number {
    return this.#timers.size
  }

  /** How many timers are left when those are gone that a store leaves alone: one, for 100 ms at most. */
  async leftTimers(): Promise<number> {
    await this.advance(100)
    return this.pendingTimers
  }

  /** Lets time go by: timers fire in their order, each at its moment, and what they set off runs in between. */
  async advance(ms: number): Promise<void> {
    const end = this.#now + ms
    await turn()
    for (let next = this.#nextDue(end); next !== undefined; next = this.#nextDue(end)) {
      this.#moveTo(Math.max(next.due, this.#now))
      this.#timers.delete(next)
      next.callback()
      await turn()
    }
    this.#moveTo(end)
  }

  /** The event loop is blocked, or the machine sleeps: the clock goes on and no timer fires. */
  block(ms: number): void {
    this.#moveTo(this.#now + ms)
  }

  /** Somebody sets the wall clock. */
  setWallClock(by: number): void {
    this.#wallClock += by
  }

  #nextDue(end: number): PendingTimer | undefined {
    return [...this.#timers]
      .filter(({ due }) => due <= end)
      .sort((a, b) => a.due - b.due || a.order - b.order)[0]
  }

  #moveTo(now: number): void {
    this.#wallClock += now - this.#now
    this.#now = now
  }
}
