import type { CallOptions } from './call-options.ts'
import type { KVPair } from './key-value-pair.ts'
import type { Session } from './session.ts'
import type { Ttl } from './ttl.ts'
import type { Value } from './values.ts'

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

/** What `unlock()` of a lock that is held takes. */
export interface UnlockOptions {
  /**
   * Whose turn it is next, whatever its place in the queue. When it has left the queue, it is the turn of the next one.
   *
   * @default the one that has waited longest
   */
  readonly successor?: Pick<LockContender, 'id'> | undefined
}

/** A contender in the queue of a lock. */
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
   * in the queue; `SESSION_EXPIRED` when the session that was given is over. TypeError when this locker holds or waits already.
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
