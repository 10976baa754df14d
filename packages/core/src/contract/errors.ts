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

/** What {@link LibkvError.toJSON} returns: plain data. */
export interface LibkvErrorJSON {
  readonly name: 'LibkvError'
  readonly code: ErrorCode
  readonly message: string
  readonly backend?: string | undefined
  readonly key?: string | undefined
  readonly retryable: boolean
  readonly ambiguous: boolean
  /** The version of {@link LibkvError.current}, with revisions as decimal strings. */
  readonly current?:
    | { readonly key: string; readonly revision: string; readonly createRevision: string }
    | null
    | undefined
}

// A brand and not the prototype chain decides, so that an error of another copy of this package is one too.
const brand = Symbol.for('@libkv/error')

/** The one error class of libkv. Tell errors apart by {@link LibkvError.code}, best through {@link isLibkvError}. */
export class LibkvError extends Error {
  override readonly name = 'LibkvError'
  readonly code: ErrorCode
  /** The backend, or undefined where none was asked. */
  declare readonly backend: string | undefined
  /** The key that the call was about, as the caller spells it. */
  declare readonly key: string | undefined
  /** The same call may succeed later without anything else being changed. */
  readonly retryable: boolean
  /** The write may have happened: its answer was lost. Read before you repeat it. */
  readonly ambiguous: boolean
  readonly #current: KVPair | null | undefined

  /** @param message - control characters in it are escaped, as in `'\\u0000'`. */
  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    super(
      escapeControls(message),
      details.cause === undefined ? undefined : { cause: details.cause },
    )
    this.code = code
    // What is not known is not there, so that nobody's log shows `backend: undefined`.
    if (details.backend !== undefined) this.backend = details.backend
    if (details.key !== undefined) this.key = details.key
    this.retryable = details.retryable ?? false
    this.ambiguous = details.ambiguous ?? false
    this.#current = details.current
    Object.defineProperty(this, brand, { value: true })
  }

  /**
   * On a conflict: what the key holds now, `null` when it is absent, undefined where the answer did not tell. Inspection of
   * the error, such as by `console.log`, does not show it, since values may be secrets.
   */
  get current(): KVPair | null | undefined {
    return this.#current
  }

  /** A copy with other details, for authors of backends and recipes. */
  with(
    changes: ErrorDetails & { readonly code?: ErrorCode; readonly message?: string },
  ): LibkvError {
    const { code, message, backend, key, retryable, ambiguous, current, cause } = this
    const details = { backend, key, retryable, ambiguous, current, cause, ...changes }
    return new LibkvError(changes.code ?? code, changes.message ?? message, details)
  }

  /**
   * Everything but the stack, the cause and the value in {@link current}: for logs, and for the way to another thread or
   * process, which {@link LibkvError.fromJSON} ends. (`structuredClone` and `postMessage` drop the code of any error.)
   */
  toJSON(): LibkvErrorJSON {
    const { code, message, backend, key, retryable, ambiguous, current } = this
    return {
      name: 'LibkvError',
      code,
      message,
      backend,
      key,
      retryable,
      ambiguous,
      current: current && {
        key: current.key,
        revision: current.revision.toString(),
        createRevision: current.createRevision.toString(),
      },
    }
  }

  /**
   * The error that {@link LibkvError.toJSON} was called on, without its `cause`, and with `current` only where that is
   * `null`: values do not travel.
   *
   * @throws TypeError for what `toJSON()` did not make.
   *
   * @example
   * // In a worker: parentPort.postMessage(error.toJSON()). Outside:
   * worker.on('message', (message) => { throw LibkvError.fromJSON(message) })
   */
  static fromJSON(json: LibkvErrorJSON): LibkvError {
    const { name, code, message, backend, key, retryable, ambiguous, current } = Object(
      json,
    ) as Partial<LibkvErrorJSON>
    if (name !== 'LibkvError' || typeof code !== 'string' || typeof message !== 'string') {
      throw new TypeError('LibkvError.fromJSON takes what the toJSON() of a LibkvError returned')
    }
    const state = current === null ? null : undefined
    return create(code, message, { backend, key, retryable, ambiguous, current: state })
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

// C0, DEL, C1, and the two separators that are line ends in JavaScript.
// eslint-disable-next-line no-control-regex -- these are the characters to escape
const controls = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g

/** A text for one line of a log or terminal. */
export function escapeControls(text: string): string {
  return text.replace(
    controls,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}

/** Outside of the class: compilers rename one that refers to itself, and its name stands in every stack. */
function create(code: ErrorCode, message: string, details: ErrorDetails): LibkvError {
  return new LibkvError(code, message, details)
}
