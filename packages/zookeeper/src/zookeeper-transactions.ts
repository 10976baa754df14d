import { LibkvError } from '@libkv/core'
import { ReadingCall } from '@libkv/core/driver'
import type { Call, Check, CommitOutcome, Write } from '@libkv/core/driver'
import { isZooKeeperError } from './client/index.ts'
import type { MultiOperation, MultiResult } from './client/index.ts'
import { ZooKeeperCommitPlan, descendantsRefused } from './zookeeper-commit-plan.ts'
import { survey } from './zookeeper-commit-survey.ts'
import { entryOf } from './zookeeper-connection.ts'
import type { ZooKeeperConnection } from './zookeeper-connection.ts'
import type { ZooKeeperContext } from './zookeeper-context.ts'
import { counterOf, createCounters, isCounter } from './zookeeper-creation-counters.ts'
import { mayHaveRecord } from './zookeeper-creation-records.ts'
import { isConflict } from './zookeeper-errors.ts'
import { keyOfPath, parentOf } from './zookeeper-paths.ts'
import { PositionedCall } from './zookeeper-positioned-call.ts'
import { retryConflicts } from './zookeeper-retry-conflicts.ts'
import { touchedKeys } from './zookeeper-touched-key.ts'
import type { Put, TouchedKey } from './zookeeper-touched-key.ts'

/** Writes that happen together, if the checks hold. */
export interface CommitRequest {
  /** The connection whose session owns the ephemeral nodes. */
  readonly connection: ZooKeeperConnection
  readonly checks: readonly Check[]
  readonly writes: readonly Write[]
  readonly call: Call
}

/**
 * The general way to commit: any keys, checks and bindings. Reads the state of all keys, plans one
 * `multi` on the condition that this state still holds, and executes it; after a conflict it starts
 * again.
 *
 * It costs two round trips, of which the first has one request for each key or two, its creation
 * counter and each directory not known to exist. A third round trip reads the creation records of
 * keys that have one; each conflict costs both round trips again, and a check that fails the first
 * one, since the first read may have been stale.
 */
export class ZooKeeperTransactions {
  readonly #context: ZooKeeperContext

  constructor(context: ZooKeeperContext) {
    this.#context = context
  }

  async commit(request: CommitRequest): Promise<CommitOutcome> {
    const { connection, checks, writes, call } = request
    const reading = new ReadingCall(call)
    // The server checks the conditions of a commit again, so a stale read is harmless; for a
    // refusal it is not.
    let isCertain = !connection.mayLag
    return retryConflicts(this.#context.options.runtime, call, async () => {
      const keys = touchedKeys(checks, writes)
      const counters = await survey(connection, keys, this.#context.directories, reading, isCertain)
      const refusal = await refusalOf(connection, checks, keys, reading)
      if (refusal === 'conflict') return undefined
      if (refusal === undefined) return this.execute(request, keys, counters)
      if (isCertain || isLater(refusal, checks)) return refusal
      isCertain = true
      return undefined
    })
  }

  /**
   * Executes the writes to keys in the state that was read; undefined after a conflict.
   *
   * @param counters - the versions of the creation counters. A plan without checks and replaced
   * nodes needs none.
   */
  async execute(
    request: CommitRequest,
    keys: readonly TouchedKey[],
    counters: ReadonlyMap<string, number> = new Map(),
  ): Promise<CommitOutcome | undefined> {
    const { connection, writes, call } = request
    const { client } = connection
    const { acl } = this.#context.options
    const plan = new ZooKeeperCommitPlan(keys, { acl, counters, sessionId: client.sessionId })
    if (plan.lacksCounter) {
      await createCounters(client, acl, new ReadingCall(call))
      return undefined
    }
    const writing = new PositionedCall(call)
    const paths = keys.map(({ path }) => path)
    const results = await this.#multi(
      { ...request, call: writing },
      plan.operations,
      paths,
      plan.conditionCount,
    )
    if (results === undefined) return undefined
    const revision = results[0]?.zxid ?? writing.zxid
    for (const key of keys) this.#written(key)
    return { committed: true, revision, results: plan.results(writes, revision) }
  }

  /** Creates one key in a directory that probably exists. Undefined after a conflict. */
  async create(
    request: CommitRequest,
    path: string,
    { value: data, session, ttl }: Put,
  ): Promise<CommitOutcome | undefined> {
    const { acl } = this.#context.options
    const mode = session !== undefined || ttl !== undefined ? 'ephemeral' : 'persistent'
    const operations: MultiOperation[] = [
      { type: 'create', path, data, mode, acl },
      { type: 'set', path: counterOf(path), data: null },
    ]
    const results = await this.#multi(request, operations, [path])
    const revision = results?.[0]?.zxid
    if (revision === undefined) return undefined
    this.#context.directories.sawNode(path)
    return { committed: true, revision, results: [{ existed: false, createRevision: revision }] }
  }

  /**
   * Sends a `multi`; undefined after a conflict.
   *
   * @param paths - the nodes of its keys, whose directories are no longer assumed to exist after an
   * error.
   * @param conditionCount - how many operations, from the first on, only check a condition.
   */
  async #multi(
    { connection: { client }, call }: CommitRequest,
    operations: readonly MultiOperation[],
    paths: readonly string[],
    conditionCount = 0,
  ): Promise<MultiResult[] | undefined> {
    try {
      return await client.multi(operations, call)
    } catch (error) {
      const failed = isZooKeeperError(error) ? (error.failedIndex ?? -1) : -1
      const operation = operations[failed]
      for (const path of paths) this.#context.directories.forgetAbove(path)
      if (isZooKeeperError(error, 'NO_CHILDREN_FOR_EPHEMERALS') && operation !== undefined) {
        // A check that no key is below an ephemeral node: another read shows the ephemeral node.
        if (failed < conditionCount) return undefined
        throw descendantsRefused(keyOfPath(parentOf(operation.path)) ?? '')
      }
      if (!isConflict(error)) throw error
      const isInRoot = operation !== undefined && parentOf(operation.path) === '/'
      if (isZooKeeperError(error, 'NO_NODE') && operation?.type === 'create' && isInRoot) {
        throw chrootMissing(this.#context.options.chroot)
      }
      if (operation !== undefined && isCounter(operation.path)) {
        await createCounters(client, this.#context.options.acl, new ReadingCall(call))
      }
      return undefined
    }
  }

  #written({ path, write, isKey: existed, record }: TouchedKey): void {
    if (write?.type === 'put') this.#context.directories.sawNode(path)
    else if (write !== undefined && existed)
      this.#context.housekeeping.removed(path, record !== null)
  }
}

type Refusal = CommitOutcome & { readonly committed: false }

/** The outcome if a check fails; `conflict` if the check holds again meanwhile. */
async function refusalOf(
  connection: ZooKeeperConnection,
  checks: readonly Check[],
  keys: readonly TouchedKey[],
  call: Call,
): Promise<Refusal | 'conflict' | undefined> {
  for (const [failed, { key, expected }] of checks.entries()) {
    const touched = keys.find((one) => one.key === key)
    if (touched === undefined) continue
    const { stat, isKey, data, path } = touched
    if (expected === null ? !isKey : isKey && stat?.mzxid === expected.revision) continue
    if (stat === null) return { committed: false, failed, current: null }
    const isRead = isKey && data !== undefined && !mayHaveRecord(stat)
    const current = isRead
      ? entryOf(key, { data, stat }, stat.czxid)
      : await connection.read(key, path, true, call)
    const holds = expected === null ? current === null : current?.revision === expected.revision
    return holds ? 'conflict' : { committed: false, failed, current }
  }
  return undefined
}

/** Whether the key is newer than expected, which is certain even if the read was stale. */
function isLater({ failed, current }: Refusal, checks: readonly Check[]): boolean {
  const expected = checks[failed]?.expected?.revision
  const revision = current?.revision
  return expected !== undefined && revision !== undefined && revision > expected
}

const chrootMissing = (chroot: string): LibkvError =>
  new LibkvError('INVALID_OPTION', `the chroot ${chroot} does not exist`, { backend: 'zookeeper' })
