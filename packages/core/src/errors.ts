import type { KVPair } from './key-value-pair.ts'

/**
 * What went wrong, the same on every backend:
 *
 * | code | meaning |
 * | --- | --- |
 * | `INVALID_KEY` | the key is not one (empty, `..`, control characters, too long, reserved) |
 * | `INVALID_OPTION` | an option is out of its range; the message names the bounds |
 * | `VALUE_TOO_LARGE` | the value is over {@link MAX_VALUE_BYTES} |
 * | `KEY_NOT_FOUND` | compare-and-set on a key that is gone |
 * | `KEY_EXISTS` | create on a key that exists |
 * | `KEY_MODIFIED` | compare-and-set on a key that was written since |
 * | `TRANSACTION_FAILED` | a check of a transaction did not hold; `key` says which |
 * | `NOT_REACHABLE` | no endpoint could be reached |
 * | `TIMEOUT` | no answer in time |
 * | `ACCESS_DENIED` | the server refused these credentials, or this key to them |
 * | `SESSION_EXPIRED` | the session is over, or may be |
 * | `LOCK_LOST` | the lock was lost while it was in use |
 * | `NOT_SUPPORTED` | this backend cannot do that; `store.capabilities` says so beforehand |
 * | `BACKEND_UNKNOWN` | no backend of that name is registered or installed |
 * | `CLOSED` | the store was closed |
 * | `BACKEND_ERROR` | the backend answered with an error that has no code of its own; see `cause` |
 */
export type ErrorCode =
  | 'INVALID_KEY'
  | 'INVALID_OPTION'
  | 'VALUE_TOO_LARGE'
  | 'KEY_NOT_FOUND'
  | 'KEY_EXISTS'
  | 'KEY_MODIFIED'
  | 'TRANSACTION_FAILED'
  | 'NOT_REACHABLE'
  | 'TIMEOUT'
  | 'ACCESS_DENIED'
  | 'SESSION_EXPIRED'
  | 'LOCK_LOST'
  | 'NOT_SUPPORTED'
  | 'BACKEND_UNKNOWN'
  | 'CLOSED'
  | 'BACKEND_ERROR'

/** What a {@link LibkvError} is made of. */
export interface ErrorDetails {
  readonly backend?: string | undefined
  readonly key?: string | undefined
  readonly retryable?: boolean | undefined
  readonly ambiguous?: boolean | undefined
  readonly current?: KVPair | null | undefined
  readonly cause?: unknown
}

// A brand and not the prototype chain decides, so that an error of another copy of this package is one too.
const brand = Symbol.for('@libkv/error')

/** The one error class of libkv. Tell errors apart by {@link LibkvError.code}, best through {@link isLibkvError}. */
export class LibkvError extends Error {
  override readonly name = 'LibkvError'
  readonly code: ErrorCode
  /** The backend that spoke, or undefined where none was asked. */
  readonly backend: string | undefined
  /** The key it is about, as the caller spells it. */
  readonly key: string | undefined
  /** The same call may succeed later without anything else being changed. */
  readonly retryable: boolean
  /** The write may have happened: its answer was lost. Read before you repeat it. */
  readonly ambiguous: boolean
  /** On a conflict: what the key holds now, `null` when it is absent, undefined where the answer did not tell. */
  readonly current: KVPair | null | undefined

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause })
    this.code = code
    this.backend = details.backend
    this.key = details.key
    this.retryable = details.retryable ?? false
    this.ambiguous = details.ambiguous ?? false
    this.current = details.current
    Object.defineProperty(this, brand, { value: true })
  }

  /** For logs: everything but the stack, the cause and the value. */
  toJSON(): Record<string, unknown> {
    const { name, code, message, backend, key, retryable, ambiguous, current } = this
    const state = current && { key: current.key, revision: current.revision.toString() }
    return { name, code, message, backend, key, retryable, ambiguous, current: state }
  }

  static override [Symbol.hasInstance](value: unknown): boolean {
    return isLibkvError(value)
  }
}

/**
 * Whether a caught value is an error of libkv, and of the given code if one is given. It holds across copies of this
 * package and across realms.
 *
 * @example
 * try {
 *   await kv.atomicPut('config', next, previous)
 * } catch (error) {
 *   if (!isLibkvError(error, 'KEY_MODIFIED')) throw error
 *   console.log('somebody was faster:', error.current?.text())
 * }
 */
export function isLibkvError<C extends ErrorCode = ErrorCode>(
  error: unknown,
  code?: C,
): error is LibkvError & { readonly code: C } {
  return (
    typeof error === 'object' &&
    error !== null &&
    (error as Record<symbol, unknown>)[brand] === true &&
    (code === undefined || (error as LibkvError).code === code)
  )
}
