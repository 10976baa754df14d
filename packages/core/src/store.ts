import type { KVPair } from './key-value-pair.ts'
import type { Operation, TransactionResult } from './operations.ts'
import type { Version } from './version.ts'

/** Bytes, or text that is stored as UTF-8. */
export type Value = Uint8Array | string

/**
 * A time to live in milliseconds, or the shortest that the store takes, `capabilities.ttl.min`: that differs from backend to
 * backend.
 */
export type Ttl = number | 'shortest'

/** What every call takes. */
export interface CallOptions {
  /** Ends the call: it rejects within milliseconds with the signal's own reason. */
  readonly signal?: AbortSignal | undefined
  /**
   * How long the call may take, in milliseconds.
   *
   * @default the store's `requestTimeout`
   */
  readonly timeout?: number | undefined
}

/** What reading calls take. */
export interface ReadOptions extends CallOptions {
  /**
   * `linearizable`: the answer reflects every write that was acknowledged before the call. `stale`: any replica may
   * answer from what it has, faster and also while the cluster has no quorum; but servers of ZooKeeper then answer nobody.
   *
   * @default 'linearizable'
   */
  readonly consistency?: 'linearizable' | 'stale' | undefined
}

/** What writing calls take. `ttl` and `session` exclude each other. */
export interface WriteOptions extends CallOptions {
  /**
   * The key goes away by itself: not before `ttl` milliseconds while this store is open and connected, and at the
   * latest after `ttl × capabilities.expiryFactor + capabilities.expirySlack`. Bounds: `capabilities.ttl`.
   */
  readonly ttl?: Ttl | undefined
  /** Binds the key to a session of this store: the key goes when the session does. */
  readonly session?: Session | undefined
}

/** What `session()` takes. */
export interface SessionOptions extends CallOptions {
  /**
   * The take-over time, in milliseconds: after a crash of this process the session's keys are gone at the latest
   * `ttl + capabilities.expirySlack` later. Bounds: `capabilities.ttl`.
   *
   * @default 20_000
   */
  readonly ttl?: Ttl | undefined
}

/** What `newLock()` takes. */
export interface LockOptions {
  /**
   * The take-over time of the lock's own session, in milliseconds: how long others wait when the holder crashed.
   *
   * @default 20_000
   */
  readonly ttl?: Ttl | undefined
  /**
   * What `get(key)` shows while the lock is held.
   *
   * @default ''
   */
  readonly value?: Value | undefined
  /** A session to bind the lock to instead of one of its own. It outlives the lock. */
  readonly session?: Session | undefined
}

/** What `lock()` takes. */
export interface LockCallOptions {
  /** Gives up waiting: `lock()` rejects within milliseconds with the signal's own reason, and leaves nothing behind. */
  readonly signal?: AbortSignal | undefined
  /**
   * How long to wait for the lock, in milliseconds; then `TIMEOUT`.
   *
   * @default no limit
   */
  readonly timeout?: number | undefined
}

/** What a backend can and cannot do. The conformance suite skips by this and by nothing else. */
export interface Capabilities {
  /** Whether `transaction()` works. */
  readonly transactions: boolean
  /** Whether keys may exist below a key that is bound to a session or has a `ttl`. Where not, it is `NOT_SUPPORTED`. */
  readonly sessionKeysMayHaveDescendants: boolean
  /** The bounds of every `ttl`, in milliseconds. */
  readonly ttl: { readonly min: number; readonly max: number }
  /** See {@link WriteOptions.ttl}. */
  readonly expiryFactor: number
  /** In milliseconds. See {@link WriteOptions.ttl} and {@link SessionOptions.ttl}. */
  readonly expirySlack: number
}

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
 * A lease that this client keeps alive: an etcd lease, a Consul session, a ZooKeeper session of its own. What is bound
 * to it lives exactly as long as it does.
 */
export interface Session extends AsyncDisposable {
  /** The backend's name for it. */
  readonly id: string
  /** The take-over time that was asked for, in milliseconds. */
  readonly ttl: number
  /**
   * Aborts when the session is over, with a `SESSION_EXPIRED` or `CLOSED` error as its reason; at the latest at the
   * local deadline: the send time of the last acknowledged renewal, plus the shortest time after which the server may
   * end the session, less a margin, on the monotonic clock. Reading this property looks at the clock.
   */
  readonly signal: AbortSignal
  /** Whether the session is certainly still there. It looks at the clock, so it is right even after a blocked event loop. */
  isAlive(): boolean
  /** Ends the session and with it everything that is bound to it. Idempotent. */
  close(): Promise<void>
}

/** What `unlock()` of a lock that is held takes. */
export interface UnlockOptions {
  /**
   * Whose turn it is next, whatever its place in the line. When it has left the line, it is the turn of the next one.
   *
   * @default the one that has waited longest
   */
  readonly successor?: Pick<LockContender, 'id'> | undefined
}

/** Somebody in the line before a lock. */
export interface LockContender {
  /** The library's name for this attempt to get the lock: `lock()` gives a new one each time. */
  readonly id: string
  /** The value that it was given with `newLock()`. Treat the bytes as read-only. */
  readonly value: Uint8Array
  /** The value read as UTF-8. */
  text(): string
}

/** A lock that is held. `await using held = await locker.lock()` gives it back at the end of the block. */
export interface HeldLock extends AsyncDisposable {
  readonly key: string
  /**
   * The fencing token: strictly increasing over all holders of this lock, for ever. Hand it to whatever the lock
   * protects, and let that refuse tokens lower than the highest it has seen; this protects even against a holder that
   * was frozen past its deadline (Kleppmann, "How to do distributed locking", 2016).
   *
   * It is the create revision of the lock's key, so everyone can see the current one: `get(key)` has it.
   */
  readonly token: bigint
  /**
   * The lock's key as this holder last wrote it. It is there for as long as this holder has the lock, so what is written
   * in the same store can be protected without any help: the transaction goes through only while the lock is held.
   *
   * @example
   * await kv.transaction([check(held.key, held.pair), put('result', '42')])
   */
  readonly pair: KVPair
  /** Aborts when the lock is lost (reason: `LOCK_LOST`) or given back. Reading this property looks at the clock. */
  readonly signal: AbortSignal
  /** Whether the lock is certainly still held. It looks at the clock. */
  isHeld(): boolean
  /**
   * Shows another value, and resolves to the new {@link HeldLock.pair}. The token stays. What {@link Locker.contenders} gives
   * stays, too.
   *
   * @throws LibkvError `LOCK_LOST` when the lock is not held any more.
   */
  update(value: Value, options?: CallOptions): Promise<KVPair>
  /** Gives the lock back, touching only what is still its own. Idempotent. */
  unlock(options?: UnlockOptions): Promise<void>
}

/** A contender for one lock; it takes the lock once at a time. */
export interface Locker {
  readonly key: string
  /**
   * Waits for its turn, first come, first served, and takes the lock.
   *
   * @throws LibkvError `TIMEOUT` when `timeout` is over; `NOT_REACHABLE`, `ACCESS_DENIED` and the like when it cannot get
   * in line; `SESSION_EXPIRED` when the session that was given is over. TypeError when this locker holds or waits already.
   */
  lock(options?: LockCallOptions): Promise<HeldLock>
  /** Takes the lock if nobody holds or waits for it, else resolves to `null` at once. */
  tryLock(options?: CallOptions): Promise<HeldLock | null>
  /** All who hold or wait for the lock, in the order of their turns: the first one holds it, or is about to. */
  contenders(options?: CallOptions): Promise<LockContender[]>
  /** Whether this locker certainly holds the lock now. */
  isHeld(): boolean
  /** Gives the lock back if it is held. Idempotent. */
  unlock(): Promise<void>
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
