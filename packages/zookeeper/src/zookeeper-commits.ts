import { LibkvError } from '@libkv/core'
import type { Call, Check, CommitOutcome, DriverSession, Write } from '@libkv/core/driver'
import type { ZooKeeperConnection } from './zookeeper-connection.ts'
import type { ZooKeeperContext } from './zookeeper-context.ts'
import { errorOf, errorOfSession } from './zookeeper-errors.ts'
import { ZooKeeperFastPath } from './zookeeper-fast-path.ts'
import { leaseOf } from './zookeeper-leases.ts'
import type { ZooKeeperLeases } from './zookeeper-leases.ts'
import { parentOf, pathOf } from './zookeeper-paths.ts'
import { ZooKeeperTransactions } from './zookeeper-transactions.ts'

/**
 * The write path. It chooses the session of a commit, because an ephemeral node belongs to the
 * session that creates it, and between two ways to write: the fast path where it suffices, else a
 * transaction.
 */
export class ZooKeeperCommits {
  readonly #context: ZooKeeperContext
  readonly #leases: ZooKeeperLeases
  readonly #fastPath: ZooKeeperFastPath
  readonly #transactions: ZooKeeperTransactions

  constructor(context: ZooKeeperContext, leases: ZooKeeperLeases) {
    this.#context = context
    this.#leases = leases
    this.#transactions = new ZooKeeperTransactions(context)
    this.#fastPath = new ZooKeeperFastPath(context, this.#transactions)
  }

  /** @throws LibkvError */
  async commit(
    checks: readonly Check[],
    writes: readonly Write[],
    call: Call,
  ): Promise<CommitOutcome> {
    const { connection, housekeeping } = this.#context
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
      if (ttl !== undefined) return await (await this.#leases.forTtl(ttl)).commit(writes, commit)
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
    const request = { connection, checks, writes, call }
    const outcome = await (this.#fastPath.commit(request) ?? this.#transactions.commit(request))
    if (outcome.committed) this.#leases.cancelExpiries(writes, outcome.revision)
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
