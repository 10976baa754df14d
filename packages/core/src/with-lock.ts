import { LibkvError } from './errors.ts'
import type { LockCallOptions, LockOptions, Store } from './store.ts'

/**
 * Waits for a lock, runs the work while it is held, and gives it back, also when the work throws.
 *
 * @throws LibkvError `LOCK_LOST` when the lock was lost before the work was done, so that it was perhaps not alone; and
 * whatever {@link Locker.lock} or the work throws.
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
  options: LockOptions & LockCallOptions = {},
): Promise<T> {
  const { signal, timeout, ...lockOptions } = options
  const held = await store.newLock(key, lockOptions).lock({ signal, timeout })
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
  // The work is done; a lock that cannot be given back now ends with its session.
  await held.unlock().catch(() => undefined)
  return result
}
