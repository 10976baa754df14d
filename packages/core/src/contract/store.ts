import type { CallOptions, ReadOptions } from './call-options.ts'
import type { Capabilities } from './capabilities.ts'
import type { KVPair } from './key-value-pair.ts'
import type { Locker, LockOptions } from './lock.ts'
import type { Operation, TransactionResult } from './operations.ts'
import type { Session, SessionOptions, WriteOptions } from './session.ts'
import type { Value } from './values.ts'
import type { Version } from './version.ts'

/** One change of a tree. `previous` is what the last snapshot held. */
export type TreeChange =
  | {
      readonly type: 'put'
      readonly key: string
      readonly pair: KVPair
      readonly previous?: KVPair
    }
  | {
      readonly type: 'delete'
      readonly key: string
      readonly pair?: undefined
      readonly previous: KVPair
    }

/** The state of a tree at one moment. */
export interface TreeSnapshot {
  /** All descendants in UTF-8 byte order of the key. Made when first read: what nobody looks at costs nothing. */
  readonly pairs: readonly KVPair[]
  /** What is different from the snapshot before, in UTF-8 byte order of the key; in the first one, every pair. */
  readonly changes: readonly TreeChange[]
  /** The position in the store's history up to which the snapshot is complete. */
  readonly revision: bigint
}

/**
 * A key/value store. All backends implement this contract alike; where they cannot, {@link Capabilities} says so.
 *
 * **Keys** are segments joined by `/`, such as `services/web/1`. One leading and one trailing slash are accepted and
 * dropped. Empty keys and segments, `.`, `..`, control characters, lone surrogates, keys over {@link MAX_KEY_BYTES} and the
 * first segment `.libkv` are refused with `INVALID_KEY` before any I/O. There are no directories: `a` and `a/b` are both
 * ordinary keys. Tree calls on `dir` see `dir/…` at any depth and never `dir-x/…`; `''` names the whole store.
 *
 * **Values** are bytes, up to {@link MAX_VALUE_BYTES}, else `VALUE_TOO_LARGE`.
 *
 * **Every call** may reject with a {@link LibkvError} of code `INVALID_KEY`, `INVALID_OPTION`, `NOT_REACHABLE`, `TIMEOUT`,
 * `ACCESS_DENIED`, `CLOSED` or `BACKEND_ERROR`, or with the reason of its `signal`. Further codes are named where they occur.
 *
 * Opening a store does no I/O: `ready()` or the first call finds out.
 */
export interface Store extends AsyncDisposable {
  /** The backend's name: `memory`, `etcd`, `consul`, `zookeeper`. */
  readonly backend: string
  readonly capabilities: Capabilities

  /** Reads one key; `null` when it is absent. */
  get(key: string, options?: ReadOptions): Promise<KVPair | null>
  /** Whether the key is there, without moving its value. */
  exists(key: string, options?: ReadOptions): Promise<boolean>
  /** Reads all descendants of a directory, in UTF-8 byte order of the key; `[]` when there are none. */
  list(directory: string, options?: ReadOptions): Promise<KVPair[]>
  /** The keys that `list` would give, without moving their values where the backend can. */
  keys(directory: string, options?: ReadOptions): Promise<string[]>

  /**
   * Writes a key, whether it exists or not, and resolves to what it now is. Without `ttl` and `session` the key is
   * permanent from now on, whatever it was before.
   *
   * @throws LibkvError `VALUE_TOO_LARGE`; `SESSION_EXPIRED` when `session` is over; `ambiguous` is true on an error after
   * which the write may have happened.
   */
  put(key: string, value: Value, options?: WriteOptions): Promise<KVPair>
  /** Deletes a key, and says whether there was something to delete. Descendants stay. */
  delete(key: string, options?: CallOptions): Promise<boolean>
  /** Deletes all descendants of a directory and the key of that name itself, and says how many keys went. */
  deleteTree(directory: string, options?: CallOptions): Promise<number>
  /**
   * Compare-and-set. With `previous: null` it creates the key; with a {@link Version}, such as a pair, it writes only if the
   * key is still exactly at `previous.revision`. A key that was deleted and created again is another key.
   *
   * @throws LibkvError `KEY_EXISTS`, `KEY_MODIFIED` (both with `current` where one round trip can tell it), `KEY_NOT_FOUND`.
   *
   * @example
   * const before = await kv.get('counter')
   * await kv.atomicPut('counter', String(Number(before?.text() ?? 0) + 1), before)
   */
  atomicPut(
    key: string,
    value: Value,
    previous: Version | null,
    options?: WriteOptions,
  ): Promise<KVPair>
  /**
   * Compare-and-delete: deletes the key only if it is still exactly at `previous.revision`.
   *
   * @throws LibkvError `KEY_MODIFIED`, `KEY_NOT_FOUND`.
   */
  atomicDelete(key: string, previous: Version, options?: CallOptions): Promise<void>
  /**
   * Several checks and writes, all or nothing, at most {@link MAX_TRANSACTION_OPERATIONS}. Build them with
   * {@link check}, {@link put} and {@link remove}.
   *
   * @throws LibkvError `TRANSACTION_FAILED` when a check does not hold: `key` says which, `current` what is there instead
   * where one round trip can tell it. `INVALID_OPTION` when a key is written twice. `NOT_SUPPORTED` where
   * `capabilities.transactions` is false.
   *
   * @example
   * await kv.transaction([check('leader', me), put('config', next), remove('draft')])
   */
  transaction(operations: readonly Operation[], options?: CallOptions): Promise<TransactionResult>

  /**
   * Yields the key's current state first (`null` when absent), then every further state it observes. It promises
   * states, not writes: intermediate states may be merged, the last one is always delivered, nothing comes twice.
   * It survives reconnects, server restarts, compaction and expired sessions. It ends by `break`, by `signal` (throwing
   * the signal's reason), by `store.close()`, or by throwing what cannot heal, such as `ACCESS_DENIED`. A `timeout`
   * bounds the wait for the first state only.
   *
   * @example
   * for await (const pair of kv.watch('config')) reload(pair?.text())
   */
  watch(key: string, options?: CallOptions): AsyncIterable<KVPair | null>
  /** As {@link Store.watch}, for all descendants of a directory: the whole tree and what changed in it. */
  watchTree(directory: string, options?: CallOptions): AsyncIterable<TreeSnapshot>

  /** Opens a session that this client keeps alive until it is closed. */
  session(options?: SessionOptions): Promise<Session>
  /** A contender for the lock of that name. No I/O happens before `lock()`. */
  newLock(key: string, options?: LockOptions): Locker

  /** Resolves once the store answers; rejects with what is wrong when it does not within `connectionTimeout`. */
  ready(options?: CallOptions): Promise<void>
  /**
   * Ends watches, gives locks back, closes sessions and sockets; calls in flight reject with `CLOSED`. Idempotent. The
   * process can then exit by itself.
   */
  close(): Promise<void>
}
