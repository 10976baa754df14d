import { ReadingCall, isInRanges } from '@libkv/core/driver'
import type { Call, KeyRange } from '@libkv/core/driver'
import { isZooKeeperError } from './client/index.ts'
import type { ZooKeeperClient } from './client/index.ts'
import { isKey } from './zookeeper-connection.ts'
import type { ZooKeeperConnection } from './zookeeper-connection.ts'
import type { ZooKeeperContext } from './zookeeper-context.ts'
import { errorOf, isConflict } from './zookeeper-errors.ts'
import { childOf, directoryOf, recordOf } from './zookeeper-paths.ts'
import { scanTree } from './zookeeper-tree-scan.ts'
import type { TreeNode } from './zookeeper-tree-scan.ts'

/** Largest transaction in bytes: the limit of the servers, less some room. */
const MAX_BYTES = 900_000
/** Bytes of a deletion besides its path. */
const OVERHEAD = 24
/** Attempts while others write to the tree; then each node is deleted by itself. */
const ATTEMPTS = 10

interface Deletion {
  readonly path: string
  readonly version: number
  /** Whether the node is a key. */
  readonly counts: boolean
}

interface Tree {
  readonly prefix: string
  readonly ranges: readonly KeyRange[]
  /** Whether the ranges contain the key that the prefix names. */
  readonly withRoot: boolean
}

/**
 * Deletes a tree by one transaction for each 900 KB, so that a smaller one is deleted atomically,
 * on the condition that no node was created or deleted after the scan.
 *
 * @returns the number of deleted keys.
 */
export async function removeTree(
  context: ZooKeeperContext,
  prefix: string,
  ranges: readonly KeyRange[],
  call: Call,
): Promise<number> {
  const { connection, directories, housekeeping } = context
  const withRoot = prefix !== '' && isInRanges(prefix.slice(0, -1), ranges)
  const tree = { prefix, ranges, withRoot }
  const root = directoryOf(prefix)
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
  // The directory of the tree may be empty now.
  housekeeping.removed(withRoot ? root : childOf(root, '-'))
  return count
}

/** The nodes of the tree, children before their parents. */
async function deletionsIn(
  connection: ZooKeeperConnection,
  tree: Tree,
  call: Call,
): Promise<Deletion[]> {
  const reading = new ReadingCall(call)
  const root = directoryOf(tree.prefix)
  // The creation record of the root is beside it, not in the tree.
  const looking = tree.withRoot ? connection.client.exists(recordOf(root), reading) : null
  const request = { ...tree, linearizable: true, values: false }
  const scanning = scanTree(connection, request, reading)
  const [{ nodes }, record] = await Promise.all([scanning, looking])
  const deletions = nodes
    .filter(({ depth }) => depth > 0 || tree.withRoot)
    .sort((a, b) => b.depth - a.depth)
    .map(deletionOf)
  if (record !== null && nodes.length > 0) {
    deletions.push({ path: recordOf(root), version: -1, counts: false })
  }
  return deletions
}

function deletionOf({ path, key, node }: TreeNode): Deletion {
  const counts = key !== undefined && isKey(node)
  // A key is deleted at any version. A directory node that became a key meanwhile has to be
  // counted, so its version is checked.
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

/** The deletions of each transaction. */
function partsOf(deletions: readonly Deletion[]): Deletion[][] {
  const parts: Deletion[][] = []
  let size = MAX_BYTES
  for (const deletion of deletions) {
    const bytes = Buffer.byteLength(deletion.path) + OVERHEAD
    if (size + bytes > MAX_BYTES) {
      parts.push([])
      size = 0
    }
    parts.at(-1)?.push(deletion)
    size += bytes
  }
  return parts
}
