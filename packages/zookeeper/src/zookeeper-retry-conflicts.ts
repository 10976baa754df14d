import type { Runtime } from '@libkv/core'
import { backoff, sleep, throwIfSettled } from '@libkv/core/driver'
import type { Call } from '@libkv/core/driver'
import { isConflict } from './zookeeper-errors.ts'

/** Conflicts after which the next attempt waits, so that the other writers can finish. */
const QUICK_ATTEMPTS = 4
/** The first and the longest wait between attempts, in ms. */
const FIRST_WAIT = 2
const LONGEST_WAIT = 50

/**
 * Repeats optimistic work until it returns a result. An attempt returns undefined when another
 * writer has interfered.
 *
 * @param quick - after how many attempts it waits before the next one, with backoff.
 * @throws LibkvError `CLOSED` when the call has been settled meanwhile, and what an attempt throws.
 */
export async function retryConflicts<T>(
  runtime: Runtime,
  call: Call,
  work: (attempt: number) => Promise<T | undefined>,
  quick = QUICK_ATTEMPTS,
): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    throwIfSettled(call)
    const result = await work(attempt)
    if (result !== undefined) return result
    if (attempt < quick) continue
    await sleep(runtime, backoff(runtime, attempt - quick, FIRST_WAIT, LONGEST_WAIT), undefined)
  }
}

/** The result of a write; undefined after a conflict. */
export async function unlessConflict<T>(writing: Promise<T>): Promise<T | undefined> {
  try {
    return await writing
  } catch (error) {
    if (isConflict(error)) return undefined
    throw error
  }
}
