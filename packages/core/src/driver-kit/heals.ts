import { isLibkvError } from '../contract/errors.ts'

/**
 * Whether what failed may succeed later, so that a feed goes on: trouble with connections, elections and errors of the server itself
 * pass; refused credentials, a closed store and errors of a program do not.
 */
export function heals(error: unknown): boolean {
  return isLibkvError(error) && (error.retryable || error.code === 'BACKEND_ERROR')
}
