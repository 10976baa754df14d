import { ReadingCall } from '@libkv/core/driver'
import type { CommitOutcome } from '@libkv/core/driver'
import { isZooKeeperError } from './client/index.ts'
import type { NodeData, Stat } from './client/index.ts'
import { isKey, readWithRecord } from './zookeeper-connection.ts'
import type { ZooKeeperContext } from './zookeeper-context.ts'
import { mayHaveRecord } from './zookeeper-creation-records.ts'
import { errorOf } from './zookeeper-errors.ts'
import { parentOf, pathOf } from './zookeeper-paths.ts'
import { PositionedCall } from './zookeeper-positioned-call.ts'
import { recordCreation } from './zookeeper-record-creation.ts'
import { TouchedKey } from './zookeeper-touched-key.ts'
import type { Put } from './zookeeper-touched-key.ts'
import type { CommitRequest, ZooKeeperTransactions } from './zookeeper-transactions.ts'

/**
 * The commits of one key that need no survey, because the answer to the write itself shows whether
 * more is to be done. Only then they go on as a transaction, with the state that they have found.
 *
 * | commit                                    | requests                                            |
 * | ----------------------------------------- | --------------------------------------------------- |
 * | put of a permanent key without a check    | `set`; then `multi` if the key is absent            |
 * | put of an absent key in a known directory | `multi`                                             |
 * | delete without a check                    | `delete` with a read; then `multi` above other keys |
 */
export class ZooKeeperFastPath {
  readonly #context: ZooKeeperContext
  readonly #transactions: ZooKeeperTransactions

  constructor(context: ZooKeeperContext, transactions: ZooKeeperTransactions) {
    this.#context = context
    this.#transactions = transactions
  }

  /** Undefined for a commit that needs a transaction. */
  commit(request: CommitRequest): Promise<CommitOutcome> | undefined {
    const { checks, writes } = request
    const [write] = writes
    if (write === undefined || writes.length > 1 || checks.length > 1) return undefined
    const [check] = checks
    if (check === undefined) {
      if (write.type === 'delete') return this.#delete(request, write.key)
      const isPermanent = write.session === undefined && write.ttl === undefined
      return isPermanent ? this.#put(request, write, pathOf(write.key)) : undefined
    }
    if (write.type === 'delete' || check.key !== write.key || check.expected !== null)
      return undefined
    const path = pathOf(write.key)
    return this.#isProbablyNew(path) ? this.#create(request, write, path) : undefined
  }

  async #create(request: CommitRequest, put: Put, path: string): Promise<CommitOutcome> {
    const created = await this.#transactions.create(request, path, put)
    return created ?? this.#transactions.commit(request)
  }

  /** Overwrites a key that is probably there, and meanwhile looks for the directories above it. */
  async #put(request: CommitRequest, put: Put, path: string): Promise<CommitOutcome> {
    const { connection, call } = request
    const isKnown = this.#context.directories.has(parentOf(path))
    const setting = connection.client.set(path, put.value, -1, call)
    const looking = isKnown ? undefined : this.#missingAbove(request, path)
    looking?.catch(() => undefined)
    let stat: Stat
    try {
      stat = await setting
    } catch (error) {
      if (!isZooKeeperError(error, 'NO_NODE')) throw error
      const missing = (await looking) ?? []
      if (missing.length === 0) return this.#create(request, put, path)
      const found = new TouchedKey(put.key, [], put)
      found.missing = missing
      return this.#transact(request, found)
    }
    if (!isKnown) this.#context.directories.sawNode(path)
    const { mzxid, czxid, ephemeralOwner } = stat
    if (ephemeralOwner === 0n && !mayHaveRecord(stat)) return overwritten(mzxid, czxid)
    try {
      // The key was bound to a session, and is to be permanent.
      if (ephemeralOwner !== 0n) return await this.#transactions.commit(request)
      const created = await recordCreation(connection, path, stat, this.#context.options, call)
      return overwritten(mzxid, created)
    } catch (error) {
      throw errorOf(error, true)
    }
  }

  async #delete(request: CommitRequest, key: string): Promise<CommitOutcome> {
    const { connection, call } = request
    const path = pathOf(key)
    const reading = new ReadingCall(call)
    const deleting = new PositionedCall(call)
    connection.barrier(reading)
    const looking = readWithRecord(connection.client, path, reading)
    looking.catch(() => undefined)
    try {
      await connection.client.delete(path, -1, deleting)
    } catch (error) {
      if (isZooKeeperError(error, 'NO_NODE')) return deleted(false, deleting.zxid)
      if (!isZooKeeperError(error, 'NOT_EMPTY')) throw error
      return this.#deleteAbove(request, key, await looking)
    }
    // A user with the permission to delete may lack the one to read.
    const [node = null, record = null] = await looking.catch(() => [])
    this.#context.directories.forget(path)
    this.#context.housekeeping.removed(path, record !== null)
    // A node without data was an empty directory.
    return deleted(node === null || isKey(node), deleting.zxid)
  }

  /** Deletes a key that has others below it: its node becomes a directory node. */
  #deleteAbove(
    request: CommitRequest,
    key: string,
    [node = null, record = null]: readonly (NodeData | null)[],
  ): Promise<CommitOutcome> | CommitOutcome {
    if (node === null) return this.#transactions.commit(request)
    if (!isKey(node)) return deleted(false, node.stat.mzxid)
    const found = new TouchedKey(key, [], request.writes[0])
    return this.#transact(request, Object.assign(found, { stat: node.stat, isKey: true, record }))
  }

  /** Goes on as a transaction, without a survey at first. */
  async #transact(request: CommitRequest, found: TouchedKey): Promise<CommitOutcome> {
    const committed = await this.#transactions.execute(request, [found])
    return committed ?? this.#transactions.commit(request)
  }

  /** The directories above a node that are neither known nor there, the nearest first. */
  async #missingAbove(
    { connection: { client }, call }: CommitRequest,
    path: string,
  ): Promise<readonly string[]> {
    const reading = new ReadingCall(call)
    const unknown = this.#context.directories.unknownAbove(path)
    const stats = await Promise.all(unknown.map((above) => client.exists(above, reading)))
    const nearest = stats.findIndex((stat) => stat !== null)
    return nearest < 0 ? unknown : unknown.slice(0, nearest)
  }

  /** Whether the node is not known as a directory, but the one above it is. */
  #isProbablyNew(path: string): boolean {
    return !this.#context.directories.has(path) && this.#context.directories.has(parentOf(path))
  }
}

const overwritten = (revision: bigint, createRevision: bigint): CommitOutcome => ({
  committed: true,
  revision,
  results: [{ existed: createRevision !== revision, createRevision }],
})

const deleted = (existed: boolean, revision: bigint): CommitOutcome => ({
  committed: true,
  revision,
  results: [{ existed, createRevision: 0n }],
})
