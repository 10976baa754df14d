import { backoff, sleep } from '@libkv/core/driver'
import type { Call } from '@libkv/core/driver'
import { birthOf, bornAt } from './zookeeper-creation-records.ts'
import type { MultiOperation, Stat } from './client/index.ts'
import { isKey } from './zookeeper-connection.ts'
import type { ZooKeeperConnection } from './zookeeper-connection.ts'
import { isConflict } from './zookeeper-errors.ts'
import type { ResolvedZooKeeperOptions } from './zookeeper-options.ts'
import { recordOf } from './zookeeper-paths.ts'

/** How often a birth is looked for that somebody else is about to record. */
const ATTEMPTS = 6

/**
 * A write was made to a node that is or was a directory, without looking at it first: finds out when the key came into being,
 * and records it if that was by this very write.
 *
 * @param stat - what the write has made of the node.
 */
export async function recordBirth(
  connection: ZooKeeperConnection,
  path: string,
  stat: Stat,
  { acl, runtime }: ResolvedZooKeeperOptions,
  call: Call,
): Promise<bigint> {
  for (let attempt = 1; ; attempt++) {
    const history = await connection.history(path, call)
    const { node, record } = history
    // Others have deleted the key since, and with it what was known of its birth.
    if (!isKey(node) || node.stat.czxid !== stat.czxid) return stat.mzxid
    const birth = birthOf(stat, record, history.isMarked)
    if (birth.revision > stat.mzxid) return stat.mzxid
    if (birth.unrecorded === undefined) return birth.revision
    if (birth.unrecorded === 'earlier' && attempt < ATTEMPTS) {
      await sleep(runtime, backoff(runtime, attempt, 2, 50), undefined)
      continue
    }
    const data = bornAt(stat, birth.revision)
    const recording: MultiOperation =
      record === null
        ? { type: 'create', path: recordOf(path), data, acl }
        : { type: 'set', path: recordOf(path), data, version: record.stat.version }
    try {
      await connection.client.multi([{ type: 'check', path }, recording], call)
      return birth.revision
    } catch (error) {
      if (!isConflict(error)) throw error
    }
  }
}
