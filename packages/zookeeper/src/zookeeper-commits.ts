import { LibkvError } from '@libkv/core'
import type { Call, Check, CommitOutcome, DriverSession, Write } from '@libkv/core/driver'
import type { ZooKeeperConnection } from './zookeeper-connection.ts'
import { errorOf, errorOfSession } from './zookeeper-errors.ts'
import { ZooKeeperFastPath } from './zookeeper-fast-path.ts'
import type { Housekeeping } from './zookeeper-housekeeping.ts'
import type { KnownDirectories } from './zookeeper-known-directories.ts'
import { leaseOf } from './zookeeper-leases.ts'
import type { ZooKeeperLeases } from './zookeeper-leases.ts'
import type { ResolvedZooKeeperOptions } from './zookeeper-options.ts'
import { parentOf, pathOf } from './zookeeper-paths.ts'
import { ZooKeeperTransactions } from './zookeeper-transactions.ts'

/** The parts of a driver that its commits use. */
export interface CommitContext {
  /** For writes that are not bound to a session. */
  readonly connection: ZooKeeperConnection
  readonly options: ResolvedZooKeeperOptions
  readonly directories: KnownDirectories
  readonly housekeeping: Housekeeping
  readonly leases: ZooKeeperLeases
}

/**
 * The write path. It chooses the session of a commit, because an ephemeral node belongs to the session that creates it, and
 * between two ways to write: the fast path where it suffices, else a transaction.
 */
export class ZooKeeperCommits {
  readonly #context: CommitContext
  readonly #fastPath: ZooKeeperFastPath
  readonly #transactions: ZooKeeperTransactions

  constructor(context: CommitContext) {
    const { options, directories, housekeeping } = context
    this.#context = context
    this.#transactions = new ZooKeeperTransactions(options, directories, housekeeping)
    this.#fastPath = new ZooKeeperFastPath(options, directories, housekeeping, this.#transactions)
  }

  /** @throws LibkvError */
  async commit(
    checks: readonly Check[],
    writes: readonly Write[],
    call: Call,
  ): Promise<CommitOutcome> {
    const { connection, housekeeping, leases } = this.#context
    for (const write of writes) {
      if (write.type === 'put' && write.transient === true) {
        housekeeping.expectReuse(parentOf(pathOf(write.key)))
      }
    }
    const commit = (on: ZooKeeperConnection): Promise<CommitOutcome> =>
      this.#commit(on, checks, writes, call)
    const { session, ttl } = bindingOf(writes)
    try {
      if (session !== undefined) return await leaseOf(session).commit(writes, commit)
      if (ttl !== undefined) return await (await leases.forTtl(ttl)).commit(writes, commit)
      return await commit(connection)
    } catch (error) {
      throw session === undefined ? errorOf(error) : errorOfSession(error)
    }
  }

  async #commit(
    connection: ZooKeeperConnection,
    checks: readonly Check[],
    writes: readonly Write[],
    call: Call,
  ): Promise<CommitOutcome> {
    const { leases } = this.#context
    const request = { connection, checks, writes, call }
    const outcome = await (this.#fastPath.commit(request) ?? this.#transactions.commit(request))
    if (outcome.committed) leases.cancelExpiries(writes, outcome.revision)
    return outcome
  }
}

/** The session of the writes, or their shortest ttl. */
function bindingOf(writes: readonly Write[]): { session?: DriverSession; ttl?: number } {
  let session: DriverSession | undefined
  let ttl: number | undefined
  for (const write of writes) {
    if (write.type !== 'put') continue
    if (write.session !== undefined && session !== undefined && session !== write.session) {
      throw mixedBindings()
    }
    session ??= write.session
    if (write.ttl !== undefined) ttl = Math.min(ttl ?? write.ttl, write.ttl)
  }
  if (session !== undefined && ttl !== undefined) throw mixedBindings()
  return session === undefined ? (ttl === undefined ? {} : { ttl }) : { session }
}

const mixedBindings = (): LibkvError =>
  new LibkvError(
    'NOT_SUPPORTED',
    'ZooKeeper binds all keys of one transaction to one session, or gives them a ttl',
    { backend: 'zookeeper' },
  )
