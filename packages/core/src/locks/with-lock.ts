import { callRules, lockRules } from '../options/call-rules.ts'
import { LibkvError } from '../contract/errors.ts'
import { callback, checkOptions, oneOf } from '../options/option-rules.ts'
import type { OptionRules } from '../options/option-rules.ts'
import type { LockCallOptions, LockOptions } from '../contract/lock.ts'
import type { Store } from '../contract/store.ts'

/** Options of {@link withLock}. `timeout` limits the wait for the lock, round trips included. */
export interface WithLockOptions extends LockOptions, LockCallOptions {
  /**
   * Whether to wait while another contender holds the lock or waits for it. With `skip` the work
   * does not run then, and the call resolves to undefined.
   *
   * @default 'wait'
   */
  readonly ifHeld?: 'wait' | 'skip' | undefined
}

const withLockRules: OptionRules<WithLockOptions> = {
  ...lockRules,
  ...callRules,
  ifHeld: oneOf('wait', 'skip'),
}

/**
 * Acquires a lock, runs the work while the lock is held, and releases it, even if the work throws.
 *
 * @returns the result of the work; undefined when it was skipped.
 * @throws LibkvError `LOCK_LOST` when the lock was lost before the work was done, so that another
 * holder may have worked at the same time; and whatever {@link Locker.lock} or the work throws.
 *
 * @example
 * await withLock(kv, 'jobs/nightly', async (signal, token) => {
 *   for (const job of jobs) {
 *     signal.throwIfAborted()
 *     await run(job, { token })
 *   }
 * })
 */
export async function withLock<T>(
  store: Store,
  key: string,
  work: (signal: AbortSignal, token: bigint) => Promise<T> | T,
  options: WithLockOptions & { readonly ifHeld: 'skip' },
): Promise<T | undefined>
export async function withLock<T>(
  store: Store,
  key: string,
  work: (signal: AbortSignal, token: bigint) => Promise<T> | T,
  options?: WithLockOptions & { readonly ifHeld?: 'wait' | undefined },
): Promise<T>
export async function withLock<T>(
  store: Store,
  key: string,
  work: (signal: AbortSignal, token: bigint) => Promise<T> | T,
  options: WithLockOptions = {},
): Promise<T | undefined> {
  callback.check(work, 'work')
  checkOptions(options, withLockRules, { backend: store.backend })
  const { signal, timeout, ifHeld, ...lockOptions } = options
  const locker = store.newLock(key, lockOptions)
  const call = { signal, timeout }
  const held = ifHeld === 'skip' ? await locker.tryLock(call) : await locker.lock(call)
  if (held === null) return undefined
  let result: T
  try {
    result = await work(held.signal, held.token)
    const { reason } = held.signal as { reason: unknown }
    if (!held.isHeld()) {
      throw new LibkvError('LOCK_LOST', `lock '${key}' was lost before the work was done`, {
        backend: store.backend,
        key,
        cause: reason,
      })
    }
  } catch (error) {
    await held.unlock().catch(() => undefined)
    throw error
  }
  // The work is done. A lock that cannot be released now ends when its session expires.
  await held.unlock().catch(() => undefined)
  return result
}
