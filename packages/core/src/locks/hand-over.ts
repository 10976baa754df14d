import { TextEncoder } from 'node:util'
import type { CallOptions } from '../contract/call-options.ts'
import type { Check, Entry, Write } from '../driver-kit/driver.ts'
import type { LockQueue } from './lock-queue.ts'
import type { QueueEntry } from './queue-entry.ts'

/** A lock that is held, and the contender that is to hold it next. */
interface HandOver {
  /** The holder's entry. */
  readonly entry: QueueEntry
  /** The lock's key as the holder last wrote it. */
  readonly lockKeyVersion: Check['expected']
  readonly successorId: string
}

/**
 * Releases a lock to a chosen successor regardless of the order of the queue. One commit deletes
 * the holder's keys, sets the successor key, and rewrites the entry of the successor's predecessor
 * in place, which wakes the successor.
 *
 * @returns whether the lock was released. Otherwise nothing was changed: the successor is next
 * anyway or not in the queue, or the holder has left the queue.
 */
export async function handOver(
  queue: LockQueue,
  { entry, lockKeyVersion, successorId }: HandOver,
  options: CallOptions,
): Promise<boolean> {
  for (let ownsLockKey = true; ;) {
    const snapshot = await queue.read('all', options)
    const place = snapshot.order.findIndex((one) => snapshot.idOf(one) === successorId)
    const successor = snapshot.order[place]
    const predecessor = snapshot.order[place - 1]
    if (successor === undefined || predecessor === undefined || place === 1) return false
    const { key, value } = predecessor
    const id = new TextEncoder().encode(successorId)
    const checks = [entry.isPresent, unchanged(successor), unchanged(predecessor)]
    const writes: Write[] = [
      entry.deletion,
      { type: 'put', key: queue.successorKey, value: id },
      { type: 'put', key, value, keepSession: true },
    ]
    if (ownsLockKey) {
      checks.push({ key: queue.lockKey, expected: lockKeyVersion })
      writes.push({ type: 'delete', key: queue.lockKey })
    }
    const outcome = await queue.commit('unlock', checks, writes, options)
    if (outcome.committed) return true
    if (outcome.failed === 0) return false
    // Another client wrote the lock's key: it is not this holder's to delete.
    if (outcome.failed === 3) ownsLockKey = false
  }
}

const unchanged = (entry: Entry): Check => ({ key: entry.key, expected: entry })
