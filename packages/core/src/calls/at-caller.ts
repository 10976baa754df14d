import { isLibkvError } from '../contract/errors.ts'

/**
 * Does the work of a public method, and lets the stack of its errors begin at the caller: else it would point into a timer or
 * socket callback. The method itself must not be `async`, so that its caller is who awaits the promise.
 */
export async function atCaller<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (isLibkvError(error) || error instanceof TypeError) Error.captureStackTrace(error, atCaller)
    throw error
  }
}
