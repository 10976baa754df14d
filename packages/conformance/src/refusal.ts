import assert from 'node:assert/strict'
import { isLibkvError } from '@libkv/core'
import type { ErrorCode, LibkvError } from '@libkv/core'
import { within } from './wait-for.ts'

/** A call, or a promise of its outcome. */
export type Attempt = PromiseLike<unknown> | (() => unknown)

/** What an attempt rejects with or throws; it fails when that succeeds. */
export async function rejection(attempt: Attempt, what = 'the rejection'): Promise<unknown> {
  // A call may throw before there is a promise.
  const work = (async () => (typeof attempt === 'function' ? attempt() : attempt))()
  const outcome = await within(
    what,
    work.then(
      (value) => ({ value }),
      (reason: unknown) => ({ reason }),
    ),
  )
  if ('reason' in outcome) return outcome.reason
  return assert.fail(`it should have been refused, but gave ${show(outcome.value)}`)
}

/** The error that an attempt is refused with, which must have this code. */
export async function refusal<C extends ErrorCode>(
  attempt: Attempt,
  code: C,
): Promise<LibkvError & { readonly code: C }> {
  const error = await rejection(attempt, `the refusal with ${code}`)
  if (isLibkvError(error, code)) return error
  return assert.fail(`it should have been refused with ${code}, but was with ${show(error)}`)
}

/** Checks that an attempt is refused as misuse. The name decides, since `instanceof` does not hold across realms. */
export async function misuse(attempt: Attempt): Promise<void> {
  const error = await rejection(attempt, 'the TypeError')
  const { name } = (error ?? {}) as Partial<Error>
  assert.equal(name, 'TypeError', `it should have been a TypeError, but was ${show(error)}`)
}

function show(value: unknown): string {
  if (typeof value !== 'object' || value === null) return String(value)
  const { code, message, key } = value as { code?: string; message?: string; key?: string }
  return code ?? message ?? key ?? Object.prototype.toString.call(value)
}
