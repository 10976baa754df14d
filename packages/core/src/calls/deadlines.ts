import type { Runtime, Timer } from '../contract/runtime.ts'

/** What ends at a moment unless it is settled before. */
export interface Mortal {
  /** On the runtime's monotonic clock. */
  readonly deadline: number
  /** Where it is among the others; for {@link Deadlines} alone. */
  place: number
}

/** For so long, in milliseconds, a timer may be pending for nothing, and hold the process. */
const SLACK = 100

/** A timer that is so late, in milliseconds, will not come: a runtime may leave out those of a process that was frozen. */
const LOST = 1_000

/**
 * The deadlines of many calls, nearly all of which are settled before. They share one timer, which is left alone when a call
 * is settled: a timer for each would cost a good part of what the call costs.
 */
export class Deadlines<T extends Mortal> {
  readonly #runtime: Runtime
  readonly #expire: (one: T) => void
  /** In no order. */
  readonly #pending: T[] = []
  #timer: Timer | undefined
  /** When the timer fires. */
  #due = Infinity
  #isWindingDown = false

  /** `expire` ends what is overdue. */
  constructor(runtime: Runtime, expire: (one: T) => void) {
    this.#runtime = runtime
    this.#expire = expire
  }

  /** Those that are not settled. */
  get pending(): readonly T[] {
    return this.#pending
  }

  add(one: T, now: number): void {
    one.place = this.#pending.push(one) - 1
    // A clock before the timer was set is another clock, which fake timers put in place.
    const isLost = now > this.#due + LOST || (this.#due > now + SLACK && this.#due < Infinity)
    if (one.deadline < this.#due || isLost) this.#wait(one.deadline, now)
  }

  /** It is settled. */
  remove(one: T): void {
    const last = this.#pending.pop()
    if (last !== undefined && last !== one) {
      this.#pending[one.place] = last
      last.place = one.place
    }
    if (this.#isWindingDown) this.#stopIfDone()
  }

  /** Few will follow: from now on no timer is left alone. */
  windDown(): void {
    this.#isWindingDown = true
    this.#stopIfDone()
  }

  #stopIfDone(): void {
    if (this.#pending.length > 0) return
    this.#timer?.cancel()
    this.#due = Infinity
  }

  #wait(deadline: number, now: number): void {
    this.#timer?.cancel()
    this.#due = Math.min(deadline, now + SLACK)
    this.#timer = this.#runtime.setTimer(() => {
      this.#sweep()
    }, this.#due - now)
  }

  #sweep(): void {
    this.#due = Infinity
    const now = this.#runtime.now()
    let next = Infinity
    for (const one of [...this.#pending]) {
      if (one.deadline <= now) this.#expire(one)
      else next = Math.min(next, one.deadline)
    }
    if (next < this.#due) this.#wait(next, now)
  }
}
