import type { KVPair } from './key-value-pair.ts'
import type { Version } from './version.ts'
import type { Session } from './session.ts'
import type { Ttl } from './ttl.ts'
import type { Value } from './values.ts'

/** How many operations a transaction may have (Consul before 1.14 takes 64). */
export const MAX_TRANSACTION_OPERATIONS = 64

/** The transaction goes through only if the key is still at that version, or absent where it is `null`. */
export interface CheckOperation {
  readonly type: 'check'
  readonly key: string
  readonly pair: Version | null
}

/** Writes a key. */
export interface PutOperation {
  readonly type: 'put'
  readonly key: string
  readonly value: Value
  readonly ttl?: Ttl | undefined
  readonly session?: Session | undefined
}

/** Deletes a key; it need not exist. */
export interface RemoveOperation {
  readonly type: 'remove'
  readonly key: string
}

/** One operation of a transaction. */
export type Operation = CheckOperation | PutOperation | RemoveOperation

/** What a transaction did. */
export interface TransactionResult {
  /** The position of the transaction in the store's history: all that it wrote has this revision. */
  readonly revision: bigint
  /** One entry for each operation: the written pair for a `put`, `null` for the others. */
  readonly results: readonly (KVPair | null)[]
}

/** A transaction's condition: the key is still exactly at that version, such as a pair, or absent where it is `null`. */
export function check(key: string, pair: Version | null): CheckOperation {
  return { type: 'check', key, pair }
}

/** A transaction's write. `ttl` and `session` mean the same as in {@link Store.put}. */
export function put(
  key: string,
  value: Value,
  options: Pick<PutOperation, 'ttl' | 'session'> = {},
): PutOperation {
  return { type: 'put', key, value, ttl: options.ttl, session: options.session }
}

/** A transaction's delete; the key need not exist. */
export function remove(key: string): RemoveOperation {
  return { type: 'remove', key }
}
