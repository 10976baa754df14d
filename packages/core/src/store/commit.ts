import type { ClientSession } from '../sessions/client-session.ts'
import type { Check, CommitOutcome, Write } from '../driver-kit/driver.ts'
import { LibkvError } from '../contract/errors.ts'
import type { KVPair } from '../contract/key-value-pair.ts'
import { Pair } from '../contract/key-value-pair.ts'
import { canonicalKey } from '../contract/keys.ts'
import type { Keyspace } from './keyspace.ts'
import { MAX_TRANSACTION_OPERATIONS } from '../contract/operations.ts'
import { wrongType } from '../options/option-rules.ts'
import type { Operation } from '../contract/operations.ts'
import type { Session } from '../contract/session.ts'
import type { Ttl } from '../contract/ttl.ts'
import { bytesOf } from '../contract/values.ts'
import { checkVersion } from '../contract/version.ts'
import type { Version } from '../contract/version.ts'

/** What it takes to check operations. */
export interface CommitContext {
  readonly operation: string
  readonly backend: string
  readonly keyspace: Keyspace
  readonly ttl: (ttl: Ttl) => number
  readonly session: (session: Session) => ClientSession
}

/** Operations, checked and put into the driver's terms, and the way back from its answer. */
export class PreparedCommit {
  readonly checks: Check[] = []
  readonly writes: Write[] = []
  /** The sessions that keys are bound to. */
  readonly sessions: ClientSession[] = []
  readonly #context: CommitContext
  /** For each operation, the index of its write. */
  readonly #places: (number | undefined)[] = []
  #lastName = ''
  #lastKey = ''

  constructor(context: CommitContext) {
    this.#context = context
  }

  add(operation: Operation): void {
    const { backend } = this.#context
    if (typeof operation !== 'object' || (operation as unknown) === null) {
      throw wrongType('an operation', 'what check(), put() or remove() returns', operation)
    }
    const name = canonicalKey(operation.key, backend)
    const key = this.#full(name)
    switch (operation.type) {
      case 'check': {
        this.checks.push({ key, expected: versionOf(operation.pair, name, backend) })
        this.#places.push(undefined)
        return
      }
      case 'put': {
        const value = bytesOf(operation.value, name, backend)
        this.#write({ type: 'put', key, value, ...this.#lifetime(operation) })
        return
      }
      case 'remove': {
        this.#write({ type: 'delete', key })
        return
      }
      default:
        throw new TypeError('an operation is made by check(), put() or remove()')
    }
  }

  /** One entry for each operation. */
  pairs(outcome: CommitOutcome & { readonly committed: true }): (KVPair | null)[] {
    return this.#places.map((place) => {
      const write = place === undefined ? undefined : this.writes[place]
      if (write?.type !== 'put' || place === undefined) return null
      const key = this.#context.keyspace.strip(write.key)
      const createRevision = outcome.results[place]?.createRevision ?? outcome.revision
      return new Pair(key, write.value, outcome.revision, createRevision)
    })
  }

  /** The error for a check that did not hold. */
  conflict(outcome: CommitOutcome & { readonly committed: false }): LibkvError {
    const { current } = outcome
    const { key = '', expected = null } = this.checks[outcome.failed] ?? {}
    const details = {
      key: this.#context.keyspace.strip(key),
      current:
        current === undefined || current === null ? current : this.#context.keyspace.pair(current),
    }
    if (this.#context.operation === 'transaction') {
      const reason = expected === null ? 'the key exists' : 'the key is not at that revision'
      const where = `check ${String(outcome.failed + 1)} does not hold`
      return new LibkvError('TRANSACTION_FAILED', `${where}: ${reason}`, details)
    }
    if (expected === null) return new LibkvError('KEY_EXISTS', 'the key exists', details)
    if (current === null) return new LibkvError('KEY_NOT_FOUND', 'the key is gone', details)
    const message = `the key is not at revision ${String(expected.revision)} any more`
    return new LibkvError('KEY_MODIFIED', message, details)
  }

  /** The key as the driver knows it: the same string for the same key, if it comes twice in a row. */
  #full(name: string): string {
    if (name !== this.#lastName) {
      this.#lastName = name
      this.#lastKey = this.#context.keyspace.full(name)
    }
    return this.#lastKey
  }

  #write(write: Write): void {
    if (this.writes.some(({ key }) => key === write.key)) {
      const name = this.#context.keyspace.strip(write.key)
      throw this.#invalid(`key '${name}' is written twice in one transaction`)
    }
    this.#places.push(this.writes.length)
    this.writes.push(write)
  }

  #lifetime(operation: {
    readonly ttl?: Ttl | undefined
    readonly session?: Session | undefined
  }): {
    ttl?: number
    session?: ClientSession['driverSession']
  } {
    const { ttl, session } = operation
    if (ttl !== undefined && session !== undefined) {
      throw this.#invalid('a key takes a ttl or a session, not both')
    }
    if (ttl !== undefined) return { ttl: this.#context.ttl(ttl) }
    if (session === undefined) return {}
    const own = this.#context.session(session)
    if (!this.sessions.includes(own)) this.sessions.push(own)
    return { session: own.driverSession }
  }

  #invalid(message: string): LibkvError {
    return new LibkvError('INVALID_OPTION', message, { backend: this.#context.backend })
  }
}

const versionOf = (version: Version | null, name: string, backend: string): Check['expected'] =>
  version === null ? null : checkVersion(version, name, backend)

/**
 * Checks operations and puts them into the driver's terms.
 *
 * @throws LibkvError `INVALID_KEY`, `INVALID_OPTION`, `VALUE_TOO_LARGE`, `SESSION_EXPIRED`. TypeError.
 */
export function commitOf(operations: readonly Operation[], context: CommitContext): PreparedCommit {
  if (!Array.isArray(operations)) throw wrongType('operations', 'an array', operations)
  if (operations.length === 0 || operations.length > MAX_TRANSACTION_OPERATIONS) {
    throw new LibkvError(
      'INVALID_OPTION',
      `a transaction has 1 to ${String(MAX_TRANSACTION_OPERATIONS)} operations, not ${String(operations.length)}`,
      { backend: context.backend },
    )
  }
  const commit = new PreparedCommit(context)
  for (const operation of operations as readonly Operation[]) commit.add(operation)
  return commit
}
