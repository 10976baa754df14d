import { LibkvError, backoff } from '@libkv/core'
import type { Call, Check, CommitOutcome, Write } from '@libkv/core'
import { CommitPlan, descendantsRefused, revisionOf } from './commit-plan.ts'
import type { Subject } from './commit-plan.ts'
import { subjectsOf, survey } from './commit-survey.ts'
import { recordBirth } from './record-birth.ts'
import { mayDiffer } from './zookeeper-births.ts'
import { isZooKeeperError } from './client/index.ts'
import type { NodeData, Stat } from './client/index.ts'
import type { Housekeeping } from './housekeeping.ts'
import type { KnownDirectories } from './known-directories.ts'
import { pause } from './pause.ts'
import { PositionedCall, ReadingCall } from './zookeeper-calls.ts'
import { entryOf, isKey, readBoth } from './zookeeper-connection.ts'
import type { ZooKeeperConnection } from './zookeeper-connection.ts'
import { errorOf, isConflict } from './zookeeper-errors.ts'
import { createGuards, isGuard } from './zookeeper-guards.ts'
import type { ResolvedZooKeeperOptions } from './zookeeper-options.ts'
import { keyOfPath, parentOf } from './zookeeper-paths.ts'

type Put = Write & { readonly type: 'put' }
type Committed = CommitOutcome & { readonly committed: true }

/** After so many conflicts with others, the next attempt waits a moment. */
const QUICK_ATTEMPTS = 4

/** Carries out the writes of a store. */
export class ZooKeeperCommits {
  readonly #options: ResolvedZooKeeperOptions
  readonly #directories: KnownDirectories
  readonly #housekeeping: Housekeeping

  constructor(
    options: ResolvedZooKeeperOptions,
    directories: KnownDirectories,
    housekeeping: Housekeeping,
  ) {
    this.#options = options
    this.#directories = directories
    this.#housekeeping = housekeeping
  }

  /** Carries out writes, in the session of that connection, if the checks hold. */
  commit(
    connection: ZooKeeperConnection,
    checks: readonly Check[],
    writes: readonly Write[],
    call: Call,
  ): Promise<CommitOutcome> {
    const [write] = writes
    if (checks.length === 0 && writes.length === 1 && write !== undefined) {
      if (write.type === 'delete') return this.#delete(connection, write, call)
      const isBound = write.session !== undefined || write.ttl !== undefined
      if (!isBound) return this.#put(connection, write, call)
    }
    return this.#transact(connection, checks, writes, call)
  }

  /** Reads, and then writes on the condition that nothing has changed. */
  async #transact(
    connection: ZooKeeperConnection,
    checks: readonly Check[],
    writes: readonly Write[],
    call: Call,
  ): Promise<CommitOutcome> {
    const reading = new ReadingCall(call)
    const hopeful = subjectsOf(checks, writes)
    // What is to be created is probably not there: then one request does, and what is read behind it is not needed.
    let trial = this.#isCreation(hopeful)
      ? this.#carryOut(connection, writes, hopeful, new Map(), call)
      : undefined
    for (let attempt = 0; ; attempt++) {
      await this.#pauseAfter(attempt, call)
      const subjects = subjectsOf(checks, writes)
      const surveying = survey(connection, subjects, this.#directories, reading)
      surveying.catch(() => undefined)
      const created = await trial
      if (created !== undefined) return created
      trial = undefined
      const guards = await surveying
      const refusal = await this.#refusal(connection, checks, subjects, reading)
      if (refusal === 'again') continue
      if (refusal !== undefined) return refusal
      const committed = await this.#carryOut(connection, writes, subjects, guards, call)
      if (committed !== undefined) return committed
    }
  }

  /** One request if the key is there, and nothing is known about it. */
  async #put(connection: ZooKeeperConnection, write: Put, call: Call): Promise<CommitOutcome> {
    const { client } = connection
    const reading = new ReadingCall(call)
    for (let attempt = 0; ; attempt++) {
      await this.#pauseAfter(attempt, call)
      const [subject] = subjectsOf([], [write]) as [Subject]
      const { path } = subject
      const setting = client.set(path, write.value, -1, call)
      const unknown = this.#directories.unknownAbove(path)
      const looking = Promise.all(unknown.map((above) => client.exists(above, reading)))
      looking.catch(() => undefined)
      try {
        const stat = await setting
        this.#directories.sawNode(path)
        return await this.#wasSet(connection, write, path, stat, call)
      } catch (error) {
        if (!isZooKeeperError(error, 'NO_NODE')) throw error
      }
      const above = await looking
      const nearest = above.findIndex((stat) => stat !== null)
      subject.missing = nearest < 0 ? unknown : unknown.slice(0, nearest)
      const committed = await this.#carryOut(connection, [write], [subject], new Map(), call)
      if (committed !== undefined) return committed
    }
  }

  /** Finds out whether a write that did not look where it wrote has left something to be done. */
  async #wasSet(
    connection: ZooKeeperConnection,
    write: Put,
    path: string,
    stat: Stat,
    call: Call,
  ): Promise<CommitOutcome> {
    try {
      // It was bound to a session, and is to be permanent.
      if (stat.ephemeralOwner !== 0n) return await this.#transact(connection, [], [write], call)
      const createRevision = mayDiffer(stat)
        ? await recordBirth(connection, path, stat, this.#options, call)
        : stat.czxid
      return {
        committed: true,
        revision: stat.mzxid,
        results: [{ existed: createRevision !== stat.mzxid, createRevision }],
      }
    } catch (error) {
      throw errorOf(error, true)
    }
  }

  /** One request if nothing is below the key, and nothing is known about it. */
  async #delete(connection: ZooKeeperConnection, write: Write, call: Call): Promise<CommitOutcome> {
    const { client } = connection
    const [subject] = subjectsOf([], [write]) as [Subject]
    const { path } = subject
    const reading = new ReadingCall(call)
    const deleting = new PositionedCall(call)
    connection.sync(reading)
    const looking = readBoth(client, path, reading)
    looking.catch(() => undefined)
    try {
      await client.delete(path, -1, deleting)
    } catch (error) {
      if (isZooKeeperError(error, 'NO_NODE')) return deleted(false, deleting.zxid)
      if (!isZooKeeperError(error, 'NOT_EMPTY')) throw error
      return await this.#deleteAbove(connection, write, subject, await looking, call)
    }
    // Who may delete may perhaps not read.
    const [node = null, record = null] = await looking.catch(() => [])
    this.#directories.forget(path)
    this.#housekeeping.removed(path, record !== null)
    // Without data it was a directory that nobody had removed yet.
    return deleted(node === null || isKey(node), deleting.zxid)
  }

  /** Deletes a key that has others below it: its node stays, as a directory. */
  async #deleteAbove(
    connection: ZooKeeperConnection,
    write: Write,
    subject: Subject,
    [node = null, record = null]: readonly (NodeData | null)[],
    call: Call,
  ): Promise<CommitOutcome> {
    if (isKey(node)) {
      Object.assign(subject, { stat: node.stat, isKey: true, record })
      const committed = await this.#carryOut(connection, [write], [subject], new Map(), call)
      if (committed !== undefined) return committed
    } else if (node !== null) {
      return deleted(false, node.stat.mzxid)
    }
    return this.#transact(connection, [], [write], call)
  }

  /** The answer if a check does not hold; `again` if it is not certain which. */
  async #refusal(
    connection: ZooKeeperConnection,
    checks: readonly Check[],
    subjects: readonly Subject[],
    call: Call,
  ): Promise<CommitOutcome | 'again' | undefined> {
    for (const [failed, { key, expected }] of checks.entries()) {
      const subject = subjects.find((one) => one.key === key)
      if (subject === undefined) continue
      const { stat, isKey: isThere, data, path } = subject
      if (expected === null ? !isThere : isThere && stat?.mzxid === expected.revision) continue
      if (stat === null) return { committed: false, failed, current: null }
      const isKnown = isThere && data !== undefined && !mayDiffer(stat)
      const current = isKnown
        ? entryOf(key, { data, stat }, stat.czxid)
        : await connection.read(key, path, true, call)
      const holdsNow =
        expected === null ? current === null : current?.revision === expected.revision
      return holdsNow ? 'again' : { committed: false, failed, current }
    }
    return undefined
  }

  /** One transaction; undefined if somebody else was in between, and it is to be tried again. */
  async #carryOut(
    { client }: ZooKeeperConnection,
    writes: readonly Write[],
    subjects: readonly Subject[],
    guards: ReadonlyMap<string, number>,
    call: Call,
  ): Promise<Committed | undefined> {
    const { acl } = this.#options
    const plan = new CommitPlan(subjects, { acl, guards, sessionId: client.sessionId })
    const { operations } = plan
    if (plan.lacksGuard) {
      await createGuards(client, acl, new ReadingCall(call))
      return undefined
    }
    const writing = new PositionedCall(call)
    try {
      const results = await client.multi(operations, writing)
      const revision = revisionOf(results) ?? writing.zxid
      for (const subject of subjects) this.#wasWritten(subject)
      return { committed: true, revision, results: plan.results(writes, revision) }
    } catch (error) {
      const failed = isZooKeeperError(error) ? (error.failedIndex ?? -1) : -1
      const operation = operations[failed]
      for (const { path } of subjects) this.#directories.forgetAbove(path)
      if (isZooKeeperError(error, 'NO_CHILDREN_FOR_EPHEMERALS') && operation !== undefined) {
        // That nothing is below an ephemeral node is as certain as if it had been tried.
        if (plan.isCondition(failed)) return undefined
        throw descendantsRefused(keyOfPath(parentOf(operation.path)) ?? '')
      }
      if (!isConflict(error)) throw error
      if (isZooKeeperError(error, 'NO_NODE') && operation?.type === 'create') {
        // Whatever is missing elsewhere is made.
        if (parentOf(operation.path) === '/') throw chrootMissing(this.#options.chroot)
      }
      if (operation !== undefined && isGuard(operation.path)) {
        await createGuards(client, acl, new ReadingCall(call))
      }
      return undefined
    }
  }

  #wasWritten({ path, write, isKey: existed, record }: Subject): void {
    if (write?.type === 'put') this.#directories.sawNode(path)
    else if (write !== undefined && existed) this.#housekeeping.removed(path, record !== null)
  }

  /** Whether it is to create one key, whose directory is there. */
  #isCreation(subjects: readonly Subject[]): boolean {
    const [{ checks, write, path } = { checks: [], write: undefined, path: '' }] = subjects
    return (
      subjects.length === 1 &&
      write?.type === 'put' &&
      checks.length === 1 &&
      checks[0]?.expected === null &&
      this.#directories.unknownAbove(path).length === 0
    )
  }

  /** Others keep getting in between: lets them finish. */
  async #pauseAfter(attempts: number, call: Call): Promise<void> {
    if (call.settled) throw new LibkvError('CLOSED', 'nobody waits for the answer any more')
    if (attempts < QUICK_ATTEMPTS) return
    const { runtime } = this.#options
    await pause(runtime, backoff(runtime, attempts - QUICK_ATTEMPTS, 2, 50))
  }
}

const chrootMissing = (chroot: string): LibkvError =>
  new LibkvError('INVALID_OPTION', `the chroot ${chroot} does not exist`, { backend: 'zookeeper' })

const deleted = (existed: boolean, revision: bigint): CommitOutcome => ({
  committed: true,
  revision,
  results: [{ existed, createRevision: 0n }],
})
