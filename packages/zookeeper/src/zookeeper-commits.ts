import { LibkvError } from '@libkv/core'
import { backoff, sleep } from '@libkv/core/driver'
import type { Call, Check, CommitOutcome, Write } from '@libkv/core/driver'
import { revisionOf } from './zookeeper-commit-plan.ts'
import type { Subject } from './zookeeper-commit-plan.ts'
import { subjectsOf, survey } from './zookeeper-commit-survey.ts'
import { recordBirth } from './zookeeper-created-by-write.ts'
import { mayDiffer } from './zookeeper-creation-records.ts'
import { isZooKeeperError } from './client/index.ts'
import type { NodeData, Stat } from './client/index.ts'
import type { Housekeeping } from './zookeeper-housekeeping.ts'
import type { KnownDirectories } from './zookeeper-known-directories.ts'
import { ReadingCall } from '@libkv/core/driver'
import { PositionedCall } from './zookeeper-positioned-call.ts'
import { entryOf, isKey, readBoth } from './zookeeper-connection.ts'
import type { ZooKeeperConnection } from './zookeeper-connection.ts'
import { errorOf } from './zookeeper-errors.ts'
import type { ResolvedZooKeeperOptions } from './zookeeper-options.ts'
import { parentOf, pathOf } from './zookeeper-paths.ts'
import { ZooKeeperTransactions } from './zookeeper-transactions.ts'

type Put = Write & { readonly type: 'put' }

/** The write, if it is the only one and makes a permanent key, whatever has to be checked of that key. */
function lonePut(checks: readonly Check[], writes: readonly Write[]): Put | undefined {
  const [write] = writes
  if (checks.length > 1 || writes.length !== 1 || write?.type !== 'put') return undefined
  if (write.session !== undefined || write.ttl !== undefined) return undefined
  return checks.length === 0 || checks[0]?.key === write.key ? write : undefined
}

/** After so many conflicts with others, the next attempt waits a moment. */
const QUICK_ATTEMPTS = 4

/** Carries out the writes of a store. */
export class ZooKeeperCommits {
  readonly #options: ResolvedZooKeeperOptions
  readonly #directories: KnownDirectories
  readonly #housekeeping: Housekeeping
  readonly #transactions: ZooKeeperTransactions

  constructor(
    options: ResolvedZooKeeperOptions,
    directories: KnownDirectories,
    housekeeping: Housekeeping,
  ) {
    this.#options = options
    this.#directories = directories
    this.#housekeeping = housekeeping
    this.#transactions = new ZooKeeperTransactions(options, directories, housekeeping)
  }

  /** Carries out writes, in the session of that connection, if the checks hold. */
  commit(
    connection: ZooKeeperConnection,
    checks: readonly Check[],
    writes: readonly Write[],
    call: Call,
  ): Promise<CommitOutcome> {
    const short = this.commitShortly(connection, checks, writes, call)
    if (short !== undefined) return short
    const [write] = writes
    if (checks.length === 0 && writes.length === 1 && write?.type === 'delete') {
      return this.#delete(connection, write, call)
    }
    return this.#createOrTransact(connection, checks, writes, call)
  }

  /**
   * The commonest writes, the short way: puts or creates a permanent key by one request, where that is all there is to do and
   * its directory is known. Undefined if it is not.
   */
  commitShortly(
    connection: ZooKeeperConnection,
    checks: readonly Check[],
    writes: readonly Write[],
    call: Call,
  ): Promise<CommitOutcome> | undefined {
    const put = lonePut(checks, writes)
    if (put === undefined) return undefined
    const path = pathOf(put.key)
    if (checks.length === 0) return this.#put(connection, put, path, call)
    if (checks[0]?.expected !== null || !this.#isNew(path)) return undefined
    return this.#create(connection, put, path, checks, call)
  }

  /** What is to be created is probably not there, which one request tells and does. */
  async #createOrTransact(
    connection: ZooKeeperConnection,
    checks: readonly Check[],
    writes: readonly Write[],
    call: Call,
  ): Promise<CommitOutcome> {
    const subjects = subjectsOf(checks, writes)
    if (this.#isCreation(subjects)) {
      const created = await this.#transactions.carryOut(
        connection,
        writes,
        subjects,
        new Map(),
        call,
      )
      if (created !== undefined) return created
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
    // What is carried out depends on nothing that may have been read too early, but what is refused would.
    let isCertain = !connection.mayLag
    for (let attempt = 0; ; attempt++) {
      await this.#pauseAfter(attempt, call)
      const subjects = subjectsOf(checks, writes)
      const guards = await survey(connection, subjects, this.#directories, reading, isCertain)
      const refusal = await this.#refusal(connection, checks, subjects, reading)
      if (refusal === 'again') continue
      if (refusal !== undefined && (isCertain || isLater(refusal, checks))) return refusal
      if (refusal !== undefined) {
        isCertain = true
        continue
      }
      const committed = await this.#transactions.carryOut(
        connection,
        writes,
        subjects,
        guards,
        call,
      )
      if (committed !== undefined) return committed
    }
  }

  /** Creates a permanent key in a directory that is known. */
  async #create(
    connection: ZooKeeperConnection,
    write: Put,
    path: string,
    checks: readonly Check[],
    call: Call,
  ): Promise<CommitOutcome> {
    try {
      const { client } = connection
      const results = await this.#transactions.create(client, path, write.value, call)
      const revision = results && revisionOf(results)
      if (revision === undefined) return await this.#transact(connection, checks, [write], call)
      this.#directories.sawNode(path)
      return { committed: true, revision, results: [{ existed: false, createRevision: revision }] }
    } catch (error) {
      throw errorOf(error)
    }
  }

  /**
   * Puts a permanent key, by one request if it is there. Nothing needs to be known of it: the answer tells whether anything is
   * left to be done.
   */
  async #put(
    connection: ZooKeeperConnection,
    write: Put,
    path: string,
    call: Call,
  ): Promise<CommitOutcome> {
    try {
      const isKnown = this.#directories.has(parentOf(path))
      const setting = connection.client.set(path, write.value, -1, call)
      const looking = isKnown ? undefined : this.#missingAbove(connection, path, call)
      looking?.catch(() => undefined)
      let stat: Stat
      try {
        stat = await setting
      } catch (error) {
        if (!isZooKeeperError(error, 'NO_NODE')) throw error
        const missing = (await looking) ?? []
        return missing.length === 0
          ? await this.#create(connection, write, path, [], call)
          : await this.#putNew(connection, write, missing, call)
      }
      if (!isKnown) this.#directories.sawNode(path)
      const isPlain = stat.ephemeralOwner === 0n && !mayDiffer(stat)
      return isPlain
        ? wasPut(stat.mzxid, stat.czxid)
        : await this.#putOver(connection, write, path, stat, call)
    } catch (error) {
      throw errorOf(error)
    }
  }

  async #putNew(
    connection: ZooKeeperConnection,
    write: Put,
    missing: readonly string[],
    call: Call,
  ): Promise<CommitOutcome> {
    const [subject] = subjectsOf([], [write]) as [Subject]
    subject.missing = missing
    const created = await this.#transactions.carryOut(
      connection,
      [write],
      [subject],
      new Map(),
      call,
    )
    return created ?? (await this.#transact(connection, [], [write], call))
  }

  /** Does what is left to be done after a write to what was more than a permanent key without others below it. */
  async #putOver(
    connection: ZooKeeperConnection,
    write: Put,
    path: string,
    stat: Stat,
    call: Call,
  ): Promise<CommitOutcome> {
    try {
      // It is bound to a session, and is to be permanent.
      if (stat.ephemeralOwner !== 0n) return await this.#transact(connection, [], [write], call)
      return wasPut(stat.mzxid, await recordBirth(connection, path, stat, this.#options, call))
    } catch (error) {
      throw errorOf(error, true)
    }
  }

  /** The directories above a node that are neither known nor there, the nearest first. */
  async #missingAbove(
    { client }: ZooKeeperConnection,
    path: string,
    call: Call,
  ): Promise<readonly string[]> {
    const reading = new ReadingCall(call)
    const unknown = this.#directories.unknownAbove(path)
    const stats = await Promise.all(unknown.map((above) => client.exists(above, reading)))
    const nearest = stats.findIndex((stat) => stat !== null)
    return nearest < 0 ? unknown : unknown.slice(0, nearest)
  }

  /** One request if nothing is below the key, and nothing is known about it. */
  async #delete(connection: ZooKeeperConnection, write: Write, call: Call): Promise<CommitOutcome> {
    const { client } = connection
    const [subject] = subjectsOf([], [write]) as [Subject]
    const { path } = subject
    const reading = new ReadingCall(call)
    const deleting = new PositionedCall(call)
    connection.barrier(reading)
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
      const committed = await this.#transactions.carryOut(
        connection,
        [write],
        [subject],
        new Map(),
        call,
      )
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

  /** Whether it is to create one key, which is no directory that is known, in one that is. */
  #isCreation(subjects: readonly Subject[]): boolean {
    const [{ checks, write, path } = { checks: [], write: undefined, path: '' }] = subjects
    return (
      subjects.length === 1 &&
      write?.type === 'put' &&
      checks.length === 1 &&
      checks[0]?.expected === null &&
      this.#isNew(path)
    )
  }

  /** Whether it is probably to be made: in a directory that is known, and none itself. */
  #isNew(path: string): boolean {
    return !this.#directories.has(path) && this.#directories.has(parentOf(path))
  }

  /** Others keep getting in between: lets them finish. */
  async #pauseAfter(attempts: number, call: Call): Promise<void> {
    if (call.settled) throw new LibkvError('CLOSED', 'nobody waits for the answer any more')
    if (attempts < QUICK_ATTEMPTS) return
    const { runtime } = this.#options
    await sleep(runtime, backoff(runtime, attempts - QUICK_ATTEMPTS, 2, 50), undefined)
  }
}

/** Whether the key has been written since it was as expected, which is true however old the read is. */
function isLater(refusal: CommitOutcome, checks: readonly Check[]): boolean {
  if (refusal.committed) return false
  const expected = checks[refusal.failed]?.expected?.revision
  const current = refusal.current?.revision
  return expected !== undefined && current !== undefined && current > expected
}

const wasPut = (revision: bigint, createRevision: bigint): CommitOutcome => ({
  committed: true,
  revision,
  results: [{ existed: createRevision !== revision, createRevision }],
})

const deleted = (existed: boolean, revision: bigint): CommitOutcome => ({
  committed: true,
  revision,
  results: [{ existed, createRevision: 0n }],
})
