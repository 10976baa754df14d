import type { Call, Tree } from '@libkv/core/driver'
import { isZooKeeperError } from './client/index.ts'
import type { ZooKeeperClient } from './client/index.ts'
import { scanTree } from './zookeeper-tree-scan.ts'
import type { TreeNode } from './zookeeper-tree-scan.ts'
import { ReadingCall } from '@libkv/core/driver'
import { isKey } from './zookeeper-connection.ts'
import type { ZooKeeperConnection } from './zookeeper-connection.ts'
import type { ZooKeeperContext } from './zookeeper-context.ts'
import { errorOf, isConflict } from './zookeeper-errors.ts'
import { childOf, directoryOf, recordOf } from './zookeeper-paths.ts'

/** How large a transaction may be, in bytes: what servers accept, less some room. */
const MOST_BYTES = 900_000
/** What a deletion takes besides its path, in bytes. */
const OVERHEAD = 24
/** How often it is tried at once while others write to the tree; then each node goes by itself. */
const ATTEMPTS = 10

interface Deletion {
  readonly path: string
  readonly version: number
  /** Whether a key goes with it. */
  readonly counts: boolean
}

/**
 * Deletes a tree: one transaction for each 900 KB, so that a smaller one goes all at once, on the condition that nothing has
 * come or gone since it was read.
 *
 * @returns how many keys went.
 */
export async function removeTree(
  context: ZooKeeperContext,
  tree: Tree,
  call: Call,
): Promise<number> {
  const { connection, directories, housekeeping } = context
  const root = directoryOf(tree.prefix)
  let count = 0
  try {
    for (let attempt = 1; ; attempt++) {
      const deletions = await deletionsIn(connection, tree, call)
      if (deletions.length === 0) break
      directories.forgetTree(root)
      const isPatient = attempt <= ATTEMPTS
      const { removed, isDone } = isPatient
        ? await removeTogether(connection.client, deletions, call)
        : await removeEach(connection.client, deletions, call)
      count += removed
      if (isDone) break
    }
  } catch (error) {
    throw errorOf(error, count > 0)
  }
  // What had been its directory, or is it still.
  housekeeping.removed(tree.key === undefined ? childOf(root, '-') : root)
  return count
}

/** All that is to go, what is below first. */
async function deletionsIn(
  connection: ZooKeeperConnection,
  tree: Tree,
  call: Call,
): Promise<Deletion[]> {
  const reading = new ReadingCall(call)
  const root = directoryOf(tree.prefix)
  // What is recorded of the root is beside it, not in the tree.
  const looking = tree.key === undefined ? null : connection.client.exists(recordOf(root), reading)
  const scanning = scanTree(
    connection,
    {
      root,
      rootKey: tree.prefix.slice(0, -1),
      linearizable: true,
      values: false,
      except: tree.except === undefined ? undefined : directoryOf(tree.except),
    },
    reading,
  )
  const [{ nodes }, record] = await Promise.all([scanning, looking])
  const deletions = nodes
    .filter(({ depth }) => depth > 0 || tree.key !== undefined)
    .sort((a, b) => b.depth - a.depth)
    .map(deletionOf)
  if (record !== null && nodes.length > 0) {
    deletions.push({ path: recordOf(root), version: -1, counts: false })
  }
  return deletions
}

function deletionOf({ path, key, node }: TreeNode): Deletion {
  const counts = key !== undefined && isKey(node)
  // A key goes whatever it holds by then; a directory that has become one has to be counted.
  return { path, counts, version: counts || key === undefined ? -1 : node.stat.version }
}

async function removeTogether(
  client: ZooKeeperClient,
  deletions: readonly Deletion[],
  call: Call,
): Promise<{ removed: number; isDone: boolean }> {
  let removed = 0
  for (const part of partsOf(deletions)) {
    const operations = part.map(({ path, version }) => ({ type: 'delete', path, version }) as const)
    try {
      await client.multi(operations, call)
    } catch (error) {
      if (isConflict(error)) return { removed, isDone: false }
      throw errorOf(error, removed > 0)
    }
    removed += part.filter(({ counts }) => counts).length
  }
  return { removed, isDone: true }
}

async function removeEach(
  client: ZooKeeperClient,
  deletions: readonly Deletion[],
  call: Call,
): Promise<{ removed: number; isDone: boolean }> {
  let isDone = true
  const outcomes = await Promise.all(
    deletions.map(async ({ path, version, counts }) => {
      try {
        await client.delete(path, version, call)
        return counts
      } catch (error) {
        if (!isConflict(error)) throw errorOf(error, true)
        if (!isZooKeeperError(error, 'NO_NODE')) isDone = false
        return false
      }
    }),
  )
  return { removed: outcomes.filter(Boolean).length, isDone }
}

/** As many as fit into one transaction each. */
function partsOf(deletions: readonly Deletion[]): Deletion[][] {
  const parts: Deletion[][] = []
  let size = MOST_BYTES
  for (const deletion of deletions) {
    const bytes = Buffer.byteLength(deletion.path) + OVERHEAD
    if (size + bytes > MOST_BYTES) {
      parts.push([])
      size = 0
    }
    parts.at(-1)?.push(deletion)
    size += bytes
  }
  return parts
}
