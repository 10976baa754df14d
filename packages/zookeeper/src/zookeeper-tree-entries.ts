import { compareKeys } from '@libkv/core'
import type { Call, Entry } from '@libkv/core/driver'
import { entryOf, isKey } from './zookeeper-connection.ts'
import type { ZooKeeperConnection } from './zookeeper-connection.ts'
import { creationOf, isDirectoryAcl, mayHaveRecord } from './zookeeper-creation-records.ts'
import { recordOf } from './zookeeper-paths.ts'
import type { ScannedTree, TreeNode } from './zookeeper-tree-scan.ts'

/** The keys of a tree, without that of its root, in UTF-8 byte order. */
export async function entriesOf(
  connection: ZooKeeperConnection,
  { nodes }: ScannedTree,
  call: Call,
): Promise<Entry[]> {
  const createRevisions = await createRevisionsIn(connection, nodes, call)
  const entries: Entry[] = []
  for (const { key, depth, node, path } of nodes) {
    if (depth === 0 || key === undefined || !isKey(node)) continue
    entries.push(entryOf(key, node, createRevisions.get(path) ?? node.stat.czxid))
  }
  return sortByKey(entries)
}

/** The create revisions of the keys that may have a creation record. */
async function createRevisionsIn(
  { client }: ZooKeeperConnection,
  nodes: readonly TreeNode[],
  call: Call,
): Promise<Map<string, bigint>> {
  const unusual = nodes.filter(({ depth, key, node }) => {
    return depth > 0 && key !== undefined && isKey(node) && mayHaveRecord(node.stat)
  })
  if (unusual.length === 0) return new Map()
  const recorded = new Map(
    nodes.filter(({ key }) => key === undefined).map(({ path, node }) => [path, node]),
  )
  const createRevisions = await Promise.all(
    unusual.map(async ({ path, node }): Promise<[string, bigint]> => {
      const record = recorded.get(recordOf(path)) ?? null
      const found = await client.getAcl(path, call)
      const wasDirectory = found?.stat.czxid === node.stat.czxid && isDirectoryAcl(found.acl)
      return [path, creationOf(node.stat, record, wasDirectory).revision]
    }),
  )
  return new Map(createRevisions)
}

function sortByKey(entries: Entry[]): Entry[] {
  // Without surrogates the order of UTF-16 is that of UTF-8, and faster to compare.
  const isPlain = entries.every(({ key }) => !/[\ud800-\udfff]/.test(key))
  return entries.sort(
    isPlain ? (a, b) => (a.key < b.key ? -1 : 1) : (a, b) => compareKeys(a.key, b.key),
  )
}
