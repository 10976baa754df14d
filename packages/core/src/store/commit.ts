import type { ClientSession } from '../sessions/client-session.ts'
import type { SessionKeeper } from '../sessions/session-keeper.ts'
import type { Check, CommitOutcome, Write } from '../driver-kit/driver.ts'
import { LibkvError } from '../contract/errors.ts'
import type { KVPair } from '../contract/key-value-pair.ts'
import { Pair } from '../contract/key-value-pair.ts'
import { canonicalKey } from '../contract/keys.ts'
import type { Keyspace } from './keyspace.ts'
import { MAX_TRANSACTION_OPERATIONS } from '../contract/operations.ts'
import { wrongType } from '../options/option-rules.ts'
import type { Operation, PutOperation } from '../contract/operations.ts'
import { bytesOf } from '../contract/values.ts'
import type { Value } from '../contract/values.ts'
import { checkVersion } from '../contract/version.ts'
import type { Version } from '../contract/version.ts'

type Lifetime = Pick<PutOperation, 'ttl' | 'session'>

/** What checking a commit requires of the store. */
export interface CommitContext {
  readonly operation: string
  readonly backend: string
  readonly keyspace: Keyspace
  readonly sessions: Pick<SessionKeeper, 'checkedTtl' | 'own'>
}

/**
 * A commit in the driver's terms, and the mapping of its outcome back to the user's. Except for {@link addOperations}, keys
 * are canonical; all else is checked here.
 */
export class PreparedCommit {
  readonly checks: Check[] = []
  readonly writes: Write[] = []
  /** The sessions that keys are bound to. */
  readonly sessions: ClientSession[] = []
  readonly #context: CommitContext
  /** For each operation, the index of its write. */
  readonly #places: (number | undefined)[] = []

  constructor(context: CommitContext) {
    this.#context = context
  }

  /** @throws LibkvError `INVALID_OPTION`. TypeError. */
  check(key: string, version: Version | null): void {
    const { backend, keyspace } = this.#context
    const expected = version === null ? null : checkVersion(version, key, backend)
    this.checks.push({ key: keyspace.full(key), expected })
    this.#places.push(undefined)
  }

  /** @throws LibkvError `VALUE_TOO_LARGE`, `INVALID_OPTION`, `SESSION_EXPIRED`. TypeError. */
  put(key: string, value: Value, lifetime: Lifetime | undefined): void {
    const { backend, keyspace } = this.#context
    const bytes = bytesOf(value, key, backend)
    const bound = lifetime === undefined ? undefined : this.#lifetime(lifetime)
    this.#write({ type: 'put', key: keyspace.full(key), value: bytes, ...bound })
  }

  /** @throws LibkvError `INVALID_OPTION`. */
  remove(key: string): void {
    this.#write({ type: 'delete', key: this.#context.keyspace.full(key) })
  }

  /**
   * Adds the operations of a transaction, whose keys are as the user wrote them.
   *
   * @throws LibkvError `INVALID_KEY`, `INVALID_OPTION`, `VALUE_TOO_LARGE`, `SESSION_EXPIRED`. TypeError.
   */
  addOperations(operations: readonly Operation[]): void {
    if (!Array.isArray(operations)) throw wrongType('operations', 'an array', operations)
    if (operations.length === 0 || operations.length > MAX_TRANSACTION_OPERATIONS) {
      throw this.#invalid(
        `a transaction has 1 to ${String(MAX_TRANSACTION_OPERATIONS)} operations, not ${String(operations.length)}`,
      )
    }
    for (const operation of operations as readonly Operation[]) this.#add(operation)
  }

  /** One entry for each operation. */
  pairs(outcome: CommitOutcome & { readonly committed: true }): (KVPair | null)[] {
    return this.#places.map((place) => {
      const write = place === undefined ? undefined : this.writes[place]
      if (write?.type !== 'put' || place === undefined) return null
      const { revision } = outcome
      return new Pair({
        key: this.#context.keyspace.strip(write.key),
        value: write.value,
        revision,
        createRevision: outcome.results[place]?.createRevision ?? revision,
        binding: write.ttl === undefined && write.session === undefined ? undefined : 'lease',
      })
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

  #add(operation: Operation): void {
    if (typeof operation !== 'object' || (operation as unknown) === null) {
      throw wrongType('an operation', 'what check(), put() or remove() returns', operation)
    }
    const key = canonicalKey(operation.key, this.#context.backend)
    switch (operation.type) {
      case 'check': {
        this.check(key, operation.pair)
        return
      }
      case 'put': {
        this.put(key, operation.value, operation)
        return
      }
      case 'remove': {
        this.remove(key)
        return
      }
      default:
        throw new TypeError('an operation is made by check(), put() or remove()')
    }
  }

  #write(write: Write): void {
    if (this.writes.some(({ key }) => key === write.key)) {
      const name = this.#context.keyspace.strip(write.key)
      throw this.#invalid(`key '${name}' is written twice in one transaction`)
    }
    this.#places.push(this.writes.length)
    this.writes.push(write)
  }

  #lifetime({ ttl, session }: Lifetime): {
    ttl?: number
    session?: ClientSession['driverSession']
  } {
    if (ttl !== undefined && session !== undefined) {
      throw this.#invalid('a key takes a ttl or a session, not both')
    }
    if (ttl !== undefined) return { ttl: this.#context.sessions.checkedTtl(ttl) }
    if (session === undefined) return {}
    const own = this.#context.sessions.own(session)
    if (!this.sessions.includes(own)) this.sessions.push(own)
    return { session: own.driverSession }
  }

  #invalid(message: string): LibkvError {
    return new LibkvError('INVALID_OPTION', message, { backend: this.#context.backend })
  }
}
