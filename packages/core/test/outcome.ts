import { expect } from '@jest/globals'
import type { ErrorCode, LibkvError } from '../src/index.ts'

/** What became of a promise so far, without waiting for it. */
export class Outcome<T> {
  state: 'pending' | 'resolved' | 'rejected' = 'pending'
  value: T | undefined
  error: unknown

  constructor(work: Promise<T>) {
    work.then(
      (value) => {
        this.state = 'resolved'
        this.value = value
      },
      (error: unknown) => {
        this.state = 'rejected'
        this.error = error
      },
    )
  }
}

/** The error that the promise rejects with; fails when it resolves or the code is another. */
export async function refusal(work: Promise<unknown>, code: ErrorCode): Promise<LibkvError> {
  const error = await work.then(
    (value) => {
      throw new Error(`resolved to ${String(value)} instead of ${code}`)
    },
    (reason: unknown) => reason as LibkvError,
  )
  expect(error).toMatchObject({ name: 'LibkvError', code })
  return error
}
