import { LibkvError } from '../contract/errors.ts'
import type { Call } from './driver.ts'

/**
 * Ends the work for a call that has been settled meanwhile. Its caller has been answered, and never receives this error.
 *
 * @throws LibkvError `CLOSED`.
 */
export function throwIfSettled(call: Call): void {
  if (call.settled) throw new LibkvError('CLOSED', 'the call was cancelled')
}
