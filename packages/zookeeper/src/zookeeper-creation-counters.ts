import { LibkvError } from '@libkv/core'
import type { Call } from '@libkv/core/driver'
import { sharedAcl } from './zookeeper-creation-records.ts'
import { isZooKeeperError } from './client/index.ts'
import type { Acl, MultiOperation, ZooKeeperClient } from './client/index.ts'
import { GUARDS, parentOf } from './zookeeper-paths.ts'

// ZooKeeper counts the writes of a node, and begins at 0 again when the node was deleted and created again: so a write on the
// condition of a version can hit another node than was read. Therefore whoever creates a node counts up its guard in the same
// transaction, and whoever writes on the condition of what was read before makes the guard's version a condition, too. The
// guards are few, and each stands for many nodes: what they tell in error is only that the node should be read again.

const NAMES = Array.from(
  { length: 256 },
  (_, index) => `${GUARDS}/${index.toString(16).padStart(2, '0')}`,
)

/** The guard of a node. */
export function guardOf(path: string): string {
  // FNV-1a (http://www.isthe.com/chongo/tech/comp/fnv/)
  let hash = 0x811c9dc5
  for (let i = 0; i < path.length; i++) hash = Math.imul(hash ^ path.charCodeAt(i), 0x01000193)
  return NAMES[hash & 255] as string
}

export const isGuard = (path: string): boolean => path.startsWith(`${GUARDS}/`)

/** Makes the guards, where nobody has yet. */
export async function createGuards(client: ZooKeeperClient, acl: Acl, call: Call): Promise<void> {
  const shared = { acl: sharedAcl(acl) }
  const guards = NAMES.map((path): MultiOperation => {
    return { type: 'create', path, data: null, ...shared }
  })
  const requests = [parentOf(GUARDS), GUARDS].map((path) => client.create(path, null, shared, call))
  const results = await Promise.allSettled([...requests, client.multi(guards, call)])
  for (const result of results) {
    if (result.status === 'fulfilled' || isZooKeeperError(result.reason, 'NODE_EXISTS')) continue
    if (!isZooKeeperError(result.reason, 'NO_AUTH')) throw result.reason as Error
    const message = `${GUARDS} is missing and may not be made: the user needs the right to create it below the chroot`
    throw new LibkvError('ACCESS_DENIED', message, { cause: result.reason })
  }
}
