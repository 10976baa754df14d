import type { Call } from '@libkv/core/driver'
import type { MultiOperation, Stat } from './client/index.ts'
import { isKey } from './zookeeper-connection.ts'
import type { ZooKeeperConnection } from './zookeeper-connection.ts'
import { createdAt, creationOf } from './zookeeper-creation-records.ts'
import type { ResolvedZooKeeperOptions } from './zookeeper-options.ts'
import { recordOf } from './zookeeper-paths.ts'
import { retryConflicts, unlessConflict } from './zookeeper-retry-conflicts.ts'

/** Reads before this write records a creation that another writer is about to record. */
const ATTEMPTS = 6

/**
 * Completes a write to a node that is or was a directory and was not read first: finds the key's
 * create revision, and records it if this write created the key.
 *
 * @param stat - the node as the write left it.
 * @returns the create revision.
 */
export function recordCreation(
  connection: ZooKeeperConnection,
  path: string,
  stat: Stat,
  { acl, runtime }: ResolvedZooKeeperOptions,
  call: Call,
): Promise<bigint> {
  const attemptOnce = async (attempt: number): Promise<bigint | undefined> => {
    const { node, record, wasDirectory } = await connection.history(path, call)
    // The key was deleted meanwhile, and its record with it.
    if (!isKey(node) || node.stat.czxid !== stat.czxid) return stat.mzxid
    const { revision, unrecorded } = creationOf(stat, record, wasDirectory)
    if (revision > stat.mzxid) return stat.mzxid
    if (unrecorded === undefined) return revision
    if (unrecorded === 'earlier' && attempt < ATTEMPTS) return undefined
    const data = createdAt(stat, revision)
    const recording: MultiOperation =
      record === null
        ? { type: 'create', path: recordOf(path), data, acl }
        : { type: 'set', path: recordOf(path), data, version: record.stat.version }
    const writing = connection.client.multi([{ type: 'check', path }, recording], call)
    return (await unlessConflict(writing)) && revision
  }
  return retryConflicts(runtime, call, attemptOnce, 0)
}
