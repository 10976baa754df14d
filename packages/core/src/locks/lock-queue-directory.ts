import { RESERVED_SEGMENT } from '../contract/keys.ts'

/** The segment below the reserved one that holds the queues of all locks. */
const LOCK_SEGMENT = 'lock'

/**
 * The directory of a lock's queue, in the namespace of the lock's store: the parent of the keys of
 * its contenders, without outer slashes. Stores refuse it as reserved. A test reads it through a
 * store with a shorter namespace, or through the server's own interface.
 *
 * @param key - the lock's key in canonical form, without the namespace.
 */
export function lockQueueDirectory(key: string): string {
  // The key becomes one segment, so that the directories of `a` and `a/b` are disjoint.
  const segment = key.replaceAll('%', '%25').replaceAll('/', '%2F')
  return `${RESERVED_SEGMENT}/${LOCK_SEGMENT}/${segment}`
}
