import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'

/** Default of all waits for a condition, in milliseconds. It matters on failure alone, hence it is generous. */
export const WAIT_TIMEOUT = 30_000

/** What applies now. Tests that make the suite fail on purpose shorten it. */
export const waits: { timeout: number } = { timeout: WAIT_TIMEOUT }

/** The monotonic clock, in milliseconds. */
export const now = (): number => performance.now()

/** Waits until a condition holds, and returns its result; fails after the timeout. */
export async function waitFor<T>(
  what: string,
  condition: () => T | Promise<T>,
  timeout: number = waits.timeout,
): Promise<T> {
  const deadline = now() + timeout
  for (let wait = 1; ; wait = Math.min(wait * 2, 50)) {
    const asked = now()
    const answer = await condition()
    if (answer) return answer
    // Asked after the deadline, so that a slow machine gets at least one answer.
    if (asked >= deadline) assert.fail(`waited ${String(timeout)} ms in vain until ${what}`)
    await sleep(wait)
  }
}

/** The result of the work; fails when that does not settle before the timeout. */
export async function within<T>(
  what: string,
  work: PromiseLike<T>,
  timeout: number = waits.timeout,
): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => {
      reject(new assert.AssertionError({ message: `${what} took over ${String(timeout)} ms` }))
    }, timeout)
  })
  try {
    return await Promise.race([work, late])
  } finally {
    clearTimeout(timer)
  }
}

/** How often {@link Lateness} looks at the clock, in milliseconds. */
const INTERVAL = 10

/**
 * Measures by how much timers fire late, from its construction on: what a busy machine adds to whatever takes place meanwhile. A
 * bound on a duration is widened by it.
 */
export class Lateness implements Disposable {
  readonly #start = now()
  #late = 0
  #due = this.#start + INTERVAL
  #timer: ReturnType<typeof setTimeout>

  constructor() {
    this.#timer = this.#arm()
  }

  /** The time since the construction, in milliseconds. */
  get elapsed(): number {
    return now() - this.#start
  }

  /** The sum of all delays until now, in milliseconds. */
  get total(): number {
    return this.#late + Math.max(0, now() - this.#due)
  }

  /** Fails if the time since the construction exceeds the bound by more than the timers were late. */
  atMost(bound: number, what: string): void {
    const { elapsed, total } = this
    assert.ok(
      elapsed <= bound + total,
      `${what} took ${elapsed.toFixed(0)} ms; expected at most ${String(bound)} ms and ${total.toFixed(0)} ms by which timers were late`,
    )
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer)
  }

  #arm(): ReturnType<typeof setTimeout> {
    return setTimeout(() => {
      this.#late = this.total
      this.#due = now() + INTERVAL
      this.#timer = this.#arm()
    }, INTERVAL)
  }
}

/** Lets time go by. Only to show that something does not happen before its time. */
export async function elapse(ms: number): Promise<void> {
  await sleep(ms)
}

/** Whether the promise is still undecided after some turns of the event loop and a few round trips. */
export async function isPending(
  work: PromiseLike<unknown>,
  roundTrip: () => Promise<unknown>,
): Promise<boolean> {
  let settled = false
  const note = (): void => {
    settled = true
  }
  work.then(note, note)
  for (let i = 0; i < 5; i++) {
    await roundTrip()
    await sleep(1)
  }
  return !settled
}
