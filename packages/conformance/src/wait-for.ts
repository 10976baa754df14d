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
 * Measures how late timers fire, from its construction until {@link stop}: what a busy machine adds to whatever takes place
 * meanwhile.
 */
export class Lateness implements Disposable {
  #late = 0
  #due = now() + INTERVAL
  #timer = this.#arm()

  /** The sum of all delays until now, in milliseconds. */
  get total(): number {
    return this.#late + Math.max(0, now() - this.#due)
  }

  stop(): void {
    clearTimeout(this.#timer)
  }

  [Symbol.dispose](): void {
    this.stop()
  }

  #arm(): ReturnType<typeof setTimeout> {
    return setTimeout(() => {
      this.#late = this.total
      this.#due = now() + INTERVAL
      this.#timer = this.#arm()
    }, INTERVAL)
  }
}

/**
 * The result of the work, which the contract bounds; fails when it takes longer than the bound and the lateness of timers
 * meanwhile. For nothing but bounds of the contract: expiry, timeouts, aborts.
 *
 * @param bound - in milliseconds.
 */
export async function atMost<T>(
  bound: number,
  what: string,
  work: () => T | PromiseLike<T>,
): Promise<T> {
  const lateness = new Lateness()
  const start = now()
  try {
    const result = await within(what, (async () => work())(), bound + waits.timeout)
    const took = now() - start
    const late = lateness.total
    if (took > bound + late) {
      assert.fail(
        `${what} took ${took.toFixed(0)} ms; expected at most ${String(bound)} ms, and ${late.toFixed(0)} ms by which timers were late`,
      )
    }
    return result
  } finally {
    lateness.stop()
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
