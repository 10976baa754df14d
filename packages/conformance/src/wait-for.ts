import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'

/** How long to wait for what must happen, in milliseconds. */
const PATIENCE = 5_000

/** The monotonic clock, in milliseconds. */
export const now = (): number => performance.now()

/** Waits until a condition holds, and gives what it gave; fails when that takes too long. */
export async function waitFor<T>(
  what: string,
  condition: () => T | Promise<T>,
  patience: number = PATIENCE,
): Promise<T> {
  const deadline = now() + patience
  for (let wait = 1; ; wait = Math.min(wait * 2, 50)) {
    const asked = now()
    const answer = await condition()
    if (answer) return answer
    // Asked after the deadline, so that a slow machine gets at least one answer.
    if (asked >= deadline) assert.fail(`waited ${String(patience)} ms in vain until ${what}`)
    await sleep(wait)
  }
}

/** What the promise gives, or a failure when it does not settle in time. */
export async function within<T>(
  what: string,
  work: PromiseLike<T>,
  patience: number = PATIENCE,
): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => {
      reject(new assert.AssertionError({ message: `${what} took over ${String(patience)} ms` }))
    }, patience)
  })
  try {
    return await Promise.race([work, late])
  } finally {
    clearTimeout(timer)
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
