import type { Call, Check, Write } from '@libkv/core/driver'
import type { Subject } from './zookeeper-commit-plan.ts'
import { mayDiffer } from './zookeeper-creation-records.ts'
import type { Stat } from './client/index.ts'
import type { KnownDirectories } from './zookeeper-known-directories.ts'
import { isKey, nodeOf } from './zookeeper-connection.ts'
import type { ZooKeeperConnection } from './zookeeper-connection.ts'
import { guardOf } from './zookeeper-creation-counters.ts'
import { pathOf, recordOf } from './zookeeper-paths.ts'

/** What a commit is about, key by key; nothing is known of them yet. */
export function subjectsOf(checks: readonly Check[], writes: readonly Write[]): Subject[] {
  const keys = new Set([...checks, ...writes].map(({ key }) => key))
  return [...keys].map((key): Subject => {
    return {
      key,
      path: pathOf(key),
      checks: checks.filter((check) => check.key === key),
      write: writes.find((write) => write.key === key),
      stat: null,
      isKey: false,
      data: undefined,
      record: null,
      birth: undefined,
      missing: [],
      above: undefined,
    }
  })
}

/** The pair that the key is expected to be at; null if there is no such check, or one that contradicts it. */
function expectedOf({ checks }: Subject): Check['expected'] {
  if (checks.some(({ expected }) => expected === null)) return null
  return checks[0]?.expected ?? null
}

/**
 * Reads what a plan needs to know, in one round trip, or two where a key is a directory as well. The values that are there
 * now are not read if it is a revision that is expected.
 *
 * @param isCertain - whether it must show all that was acknowledged before.
 * @returns the versions of the guards.
 */
export async function survey(
  connection: ZooKeeperConnection,
  subjects: readonly Subject[],
  directories: KnownDirectories,
  call: Call,
  isCertain: boolean,
): Promise<Map<string, number>> {
  const { client } = connection
  const barrier = isCertain ? connection.barrier(call) : connection.catchUp(call)
  const guards = [...new Set(subjects.map(({ path }) => guardOf(path)))]
  const above = [...new Set(subjects.flatMap(({ path }) => directories.unknownAbove(path)))]
  const stats = async (paths: readonly string[]): Promise<Map<string, Stat | null>> => {
    const found = await Promise.all(paths.map((path) => client.exists(path, call)))
    return new Map(paths.map((path, i) => [path, found[i] ?? null]))
  }
  const unread = subjects.filter((subject) => expectedOf(subject) !== null)
  const read = subjects.filter((subject) => expectedOf(subject) === null)
  const [nodes, statOf, guardStats, directoryStats] = await Promise.all([
    client.multiRead(
      read.flatMap(({ path }) => [
        { type: 'get', path } as const,
        { type: 'get', path: recordOf(path) } as const,
      ]),
      call,
    ),
    stats(unread.map(({ path }) => path)),
    stats(guards),
    stats(above),
  ])
  barrier.check()
  for (const [i, subject] of read.entries()) {
    const node = nodeOf(nodes[2 * i] ?? null)
    subject.stat = node?.stat ?? null
    subject.isKey = isKey(node)
    subject.data = node?.data ?? undefined
    subject.record = nodeOf(nodes[2 * i + 1] ?? null)
  }
  for (const subject of unread) {
    const stat = statOf.get(subject.path) ?? null
    subject.stat = stat
    subject.isKey = stat !== null && stat.mzxid === expectedOf(subject)?.revision
    subject.birth = expectedOf(subject)?.createRevision
  }
  for (const subject of subjects) lookAbove(subject, directories, directoryStats)
  await Promise.all(
    subjects.filter(needsHistory).map((subject) => complete(subject, connection, call)),
  )
  const versions = new Map<string, number>()
  for (const [path, stat] of guardStats) if (stat !== null) versions.set(path, stat.version)
  return versions
}

function lookAbove(
  subject: Subject,
  directories: KnownDirectories,
  stats: ReadonlyMap<string, Stat | null>,
): void {
  const unknown = directories.unknownAbove(subject.path)
  const nearest = unknown.findIndex((path) => (stats.get(path) ?? null) !== null)
  subject.missing = nearest < 0 ? unknown : unknown.slice(0, nearest)
  const path = unknown[nearest]
  const stat = path === undefined ? null : (stats.get(path) ?? null)
  const isEphemeral = path !== undefined && stat !== null && stat.ephemeralOwner !== 0n
  subject.above = isEphemeral ? { path, stat } : undefined
}

/** Whether there may be a record that matters, and that was not read. */
function needsHistory(subject: Subject): boolean {
  const { stat, isKey: isThere, write } = subject
  if (stat === null || !isThere || write === undefined || !mayDiffer(stat)) return false
  return write.type === 'put' ? true : expectedOf(subject) !== null
}

async function complete(
  subject: Subject,
  connection: ZooKeeperConnection,
  call: Call,
): Promise<void> {
  const { node, record, birth } = await connection.history(subject.path, call)
  const expected = expectedOf(subject)
  subject.stat = node?.stat ?? null
  subject.isKey = expected === null ? isKey(node) : node?.stat.mzxid === expected.revision
  subject.data = node?.data ?? undefined
  subject.record = record
  subject.birth = expected?.createRevision ?? birth?.revision
}
