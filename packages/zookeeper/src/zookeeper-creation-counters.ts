import { LibkvError } from '@libkv/core'
import type { Call } from '@libkv/core/driver'
import { OPEN, PERMISSION, isZooKeeperError } from './client/index.ts'
import type { Acl, MultiOperation, ZooKeeperClient } from './client/index.ts'
import { COUNTERS, parentOf } from './zookeeper-paths.ts'

// A node's version starts at 0 again when the node is deleted and created again, so a write on the
// condition of a version can hit another node than was read. Therefore each creation of a node
// increments its creation counter in the same transaction, and each write on the condition of an
// earlier read also checks the version of that counter. There are few counters, each for many
// nodes: a creation elsewhere causes a needless read at worst.

const NAMES = Array.from(
  { length: 256 },
  (_, index) => `${COUNTERS}/${index.toString(16).padStart(2, '0')}`,
)

/** The creation counter of a node. */
export function counterOf(path: string): string {
  // FNV-1a (http://www.isthe.com/chongo/tech/comp/fnv/)
  let hash = 0x811c9dc5
  for (let i = 0; i < path.length; i++) hash = Math.imul(hash ^ path.charCodeAt(i), 0x01000193)
  return NAMES[hash & 255] as string
}

export const isCounter = (path: string): boolean => path.startsWith(`${COUNTERS}/`)

/** The ACL of a counter: all users share it. It has no content; only its version counts. */
function sharedAcl(acl: Acl): Acl {
  if (acl === OPEN) return OPEN
  const { read, write, create } = PERMISSION
  return [{ permissions: read + write + create, scheme: 'world', id: 'anyone' }]
}

/** Creates the counters that are missing. */
export async function createCounters(client: ZooKeeperClient, acl: Acl, call: Call): Promise<void> {
  const shared = { acl: sharedAcl(acl) }
  const counters = NAMES.map((path): MultiOperation => {
    return { type: 'create', path, data: null, ...shared }
  })
  const requests = [parentOf(COUNTERS), COUNTERS].map((path) =>
    client.create(path, null, shared, call),
  )
  const results = await Promise.allSettled([...requests, client.multi(counters, call)])
  for (const result of results) {
    if (result.status === 'fulfilled' || isZooKeeperError(result.reason, 'NODE_EXISTS')) continue
    if (!isZooKeeperError(result.reason, 'NO_AUTH')) throw result.reason as Error
    const message = `${COUNTERS} is missing and may not be made: the user needs the right to create it below the chroot`
    throw new LibkvError('ACCESS_DENIED', message, { cause: result.reason })
  }
}
