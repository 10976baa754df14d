import type { Call } from '@libkv/core/driver'
import type { Stat } from './client/index.ts'
import { isKey, nodeOf } from './zookeeper-connection.ts'
import type { ZooKeeperConnection } from './zookeeper-connection.ts'
import { counterOf } from './zookeeper-creation-counters.ts'
import { mayHaveRecord } from './zookeeper-creation-records.ts'
import type { KnownDirectories } from './zookeeper-known-directories.ts'
import { recordOf } from './zookeeper-paths.ts'
import type { TouchedKey } from './zookeeper-touched-key.ts'

type Stats = ReadonlyMap<string, Stat | null>

/**
 * Reads the state of the keys of a commit, in one round trip, or two where a key may have a
 * creation record. Values are not read where a revision is expected.
 *
 * @param isCertain - whether the read must be linearizable.
 * @returns the versions of the creation counters.
 */
export async function survey(
  connection: ZooKeeperConnection,
  keys: readonly TouchedKey[],
  directories: KnownDirectories,
  call: Call,
  isCertain: boolean,
): Promise<Map<string, number>> {
  const barrier = isCertain ? connection.barrier(call) : connection.catchUp(call)
  const above = keys.flatMap(({ path }) => directories.unknownAbove(path))
  const counters = keys.map(({ path }) => counterOf(path))
  const [, , counterStats, directoryStats] = await Promise.all([
    readNodes(
      connection,
      keys.filter(({ expected }) => expected === null),
      call,
    ),
    readStats(
      connection,
      keys.filter(({ expected }) => expected !== null),
      call,
    ),
    statsOf(connection, counters, call),
    statsOf(connection, above, call),
  ])
  barrier.check()
  for (const key of keys) lookAbove(key, directories, directoryStats)
  await Promise.all(keys.filter(needsHistory).map((key) => readHistory(connection, key, call)))
  const versions = new Map<string, number>()
  for (const [path, stat] of counterStats) if (stat !== null) versions.set(path, stat.version)
  return versions
}

/** Reads keys with their values and creation records. */
async function readNodes(
  { client }: ZooKeeperConnection,
  keys: readonly TouchedKey[],
  call: Call,
): Promise<void> {
  const reads = keys.flatMap(({ path }) => [path, recordOf(path)])
  const results = await client.multiRead(
    reads.map((path) => ({ type: 'get', path })),
    call,
  )
  for (const [i, key] of keys.entries()) {
    const node = nodeOf(results[2 * i] ?? null)
    key.stat = node?.stat ?? null
    key.isKey = isKey(node)
    key.data = node?.data ?? undefined
    key.record = nodeOf(results[2 * i + 1] ?? null)
  }
}

/** Reads keys that are expected at a revision: the node is that key if it has that revision. */
async function readStats(
  connection: ZooKeeperConnection,
  keys: readonly TouchedKey[],
  call: Call,
): Promise<void> {
  const paths = keys.map(({ path }) => path)
  const stats = await statsOf(connection, paths, call)
  for (const key of keys) {
    key.stat = stats.get(key.path) ?? null
    key.isKey = key.stat !== null && key.stat.mzxid === key.expected?.revision
    key.createRevision = key.expected?.createRevision
  }
}

async function statsOf(
  { client }: ZooKeeperConnection,
  paths: readonly string[],
  call: Call,
): Promise<Stats> {
  const reading = [...new Set(paths)].map(
    async (path) => [path, await client.exists(path, call)] as const,
  )
  return new Map(await Promise.all(reading))
}

/** Finds the missing directories above a key, and an ephemeral node there. */
function lookAbove(key: TouchedKey, directories: KnownDirectories, stats: Stats): void {
  const unknown = directories.unknownAbove(key.path)
  const nearest = unknown.findIndex((path) => (stats.get(path) ?? null) !== null)
  key.missing = nearest < 0 ? unknown : unknown.slice(0, nearest)
  const path = unknown[nearest] ?? ''
  const stat = stats.get(path) ?? null
  key.ephemeralAbove = stat !== null && stat.ephemeralOwner !== 0n ? { path, stat } : undefined
}

/** Whether there may be a creation record that matters and was not read. */
function needsHistory({ stat, isKey: isThere, write, expected }: TouchedKey): boolean {
  if (stat === null || !isThere || write === undefined || !mayHaveRecord(stat)) return false
  return write.type === 'put' || expected !== null
}

async function readHistory(
  connection: ZooKeeperConnection,
  key: TouchedKey,
  call: Call,
): Promise<void> {
  const { node, record, creation } = await connection.history(key.path, call)
  const { expected } = key
  key.stat = node?.stat ?? null
  key.isKey = expected === null ? isKey(node) : node?.stat.mzxid === expected.revision
  key.data = node?.data ?? undefined
  key.record = record
  key.createRevision = expected?.createRevision ?? creation?.revision
}
