import { LibkvError } from '@libkv/core'
import type { Call, CommitOutcome, Write } from '@libkv/core/driver'
import { CommitPlan, descendantsRefused, loneCreation, revisionOf } from './zookeeper-commit-plan.ts'
import type { Subject } from './zookeeper-commit-plan.ts'
import { isZooKeeperError } from './client/index.ts'
import type { MultiOperation, MultiResult, ZooKeeperClient } from './client/index.ts'
import type { Housekeeping } from './zookeeper-housekeeping.ts'
import type { KnownDirectories } from './zookeeper-known-directories.ts'
import { ReadingCall } from '@libkv/core/driver'
import { PositionedCall } from './zookeeper-positioned-call.ts'
import type { ZooKeeperConnection } from './zookeeper-connection.ts'
import { isConflict } from './zookeeper-errors.ts'
import { createGuards, isGuard } from './zookeeper-creation-counters.ts'
import type { ResolvedZooKeeperOptions } from './zookeeper-options.ts'
import { keyOfPath, parentOf } from './zookeeper-paths.ts'

type Committed = CommitOutcome & { readonly committed: true }

/** The transactions by which a store writes, and what their failures mean. */
export class ZooKeeperTransactions {
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

  /** Makes the writes to what was found; undefined if somebody else was in between, and it is to be tried again. */
  async carryOut(
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
    const paths = subjects.map(({ path }) => path)
    const isCondition = (index: number): boolean => plan.isCondition(index)
    const results = await this.#multi(client, operations, paths, isCondition, writing)
    if (results === undefined) return undefined
    const revision = revisionOf(results) ?? writing.zxid
    for (const subject of subjects) this.#wasWritten(subject)
    return { committed: true, revision, results: plan.results(writes, revision) }
  }

  /** Creates a permanent key in a directory that is there; undefined if somebody else was in between. */
  create(
    client: ZooKeeperClient,
    path: string,
    value: Uint8Array,
    call: Call,
  ): Promise<MultiResult[] | undefined> {
    const operations = loneCreation(path, value, this.#options.acl)
    return this.#multi(client, operations, [path], isNoCondition, call)
  }

  /** Sends a transaction about those nodes; undefined if somebody else was in between. */
  async #multi(
    client: ZooKeeperClient,
    operations: readonly MultiOperation[],
    paths: readonly string[],
    isCondition: (index: number) => boolean,
    call: Call,
  ): Promise<MultiResult[] | undefined> {
    try {
      return await client.multi(operations, call)
    } catch (error) {
      const failed = isZooKeeperError(error) ? (error.failedIndex ?? -1) : -1
      const operation = operations[failed]
      for (const path of paths) this.#directories.forgetAbove(path)
      if (isZooKeeperError(error, 'NO_CHILDREN_FOR_EPHEMERALS') && operation !== undefined) {
        // That nothing is below an ephemeral node is as certain as if it had been tried.
        if (isCondition(failed)) return undefined
        throw descendantsRefused(keyOfPath(parentOf(operation.path)) ?? '')
      }
      if (!isConflict(error)) throw error
      if (isZooKeeperError(error, 'NO_NODE') && operation?.type === 'create') {
        // Whatever is missing elsewhere is made.
        if (parentOf(operation.path) === '/') throw chrootMissing(this.#options.chroot)
      }
      if (operation !== undefined && isGuard(operation.path)) {
        const { acl } = this.#options
        await createGuards(client, acl, new ReadingCall(call))
      }
      return undefined
    }
  }

  #wasWritten({ path, write, isKey: existed, record }: Subject): void {
    if (write?.type === 'put') this.#directories.sawNode(path)
    else if (write !== undefined && existed) this.#housekeeping.removed(path, record !== null)
  }
}

const isNoCondition = (): boolean => false

const chrootMissing = (chroot: string): LibkvError =>
  new LibkvError('INVALID_OPTION', `the chroot ${chroot} does not exist`, { backend: 'zookeeper' })
