import { LibkvError, isLibkvError } from '@libkv/core'
import { settleWithin } from '@libkv/core/driver'
import type {
  Call,
  Check,
  CommitOutcome,
  Driver,
  DriverSession,
  Entry,
  Observation,
  Observer,
  ReadRequest,
  Scan,
  Scope,
  Tree,
  Write,
} from '@libkv/core/driver'
import type { Capabilities } from '@libkv/core'
import { ZooKeeperClient } from './client/index.ts'
import type { Auth } from './client/index.ts'
import { Housekeeping } from './housekeeping.ts'
import { KeyFeed } from './key-feed.ts'
import { KnownDirectories } from './known-directories.ts'
import { removeTree } from './remove-tree.ts'
import { TreeFeed } from './tree-feed.ts'
import { entriesOf } from './tree-entries.ts'
import { listKeys, scanTree } from './tree-scan.ts'
import { reportingCall } from './zookeeper-calls.ts'
import { ZooKeeperCommits } from './zookeeper-commit.ts'
import { ZooKeeperConnection } from './zookeeper-connection.ts'
import { errorOf, errorOfSession } from './zookeeper-errors.ts'
import type { ResolvedZooKeeperOptions } from './zookeeper-options.ts'
import { directoryOf, parentOf, pathOf } from './zookeeper-paths.ts'
import { sessionOf } from './zookeeper-session.ts'
import { SHORTEST_SESSION, ZooKeeperSessions, clientOptions } from './zookeeper-sessions.ts'

/** The longest time to live: 100 years, in milliseconds. */
const LONGEST_TTL = 100 * 365 * 24 * 3_600_000

export function zookeeperCapabilities(tickTime: number): Capabilities {
  return {
    transactions: true,
    sessionKeysMayHaveDescendants: false,
    ttl: { min: SHORTEST_SESSION * tickTime, max: LONGEST_TTL },
    expiryFactor: 1,
    // Servers tell the leader every half tick which sessions are alive, and the leader ends them once a tick.
    expirySlack: 1.5 * tickTime + 500,
    durability: 'quorum',
  }
}

/** libkv's contract in terms of ZooKeeper's tree of nodes. */
export class ZooKeeperDriver implements Driver {
  readonly backend = 'zookeeper'
  readonly endpoint: string
  readonly secrets: readonly string[]
  readonly capabilities: Capabilities
  readonly #options: ResolvedZooKeeperOptions
  readonly #client: ZooKeeperClient
  readonly #connection: ZooKeeperConnection
  readonly #directories = new KnownDirectories()
  readonly #housekeeping: Housekeeping
  readonly #commits: ZooKeeperCommits
  readonly #sessions: ZooKeeperSessions
  readonly #feeds = new Set<Observation>()

  constructor(options: ResolvedZooKeeperOptions) {
    const { addresses, tickTime, sessionTimeout, readBarrier } = options
    this.#options = options
    this.endpoint = addresses.join(',')
    this.secrets = [...options.auth.flatMap(secretsOf), options.tls?.passphrase].filter(isGiven)
    this.capabilities = zookeeperCapabilities(tickTime)
    this.#client = new ZooKeeperClient({ ...clientOptions(options), sessionTimeout, renew: true })
    this.#connection = new ZooKeeperConnection(this.#client, readBarrier)
    this.#housekeeping = new Housekeeping(this.#client, options, this.#directories)
    this.#commits = new ZooKeeperCommits(options, this.#directories, this.#housekeeping)
    this.#sessions = new ZooKeeperSessions(options, this.#housekeeping)
  }

  read(key: string, { consistency }: ReadRequest, call: Call): Promise<Entry | null> {
    return this.#connection.read(key, pathOf(key), consistency === 'linearizable', call)
  }

  async scan(prefix: string, read: ReadRequest, call: Call): Promise<Scan> {
    const { consistency, fields, flat = false } = read
    const request = {
      root: directoryOf(prefix),
      rootKey: prefix.slice(0, -1),
      linearizable: consistency === 'linearizable',
      values: fields === 'all',
    }
    try {
      if (fields === 'keys' && flat) return await listKeys(this.#connection, request, call)
      const tree = await scanTree(this.#connection, request, call)
      return { entries: await entriesOf(this.#connection, tree, call) }
    } catch (error) {
      throw errorOf(error)
    }
  }

  commit(checks: readonly Check[], writes: readonly Write[], call: Call): Promise<CommitOutcome> {
    for (const write of writes) {
      if (write.type === 'put' && write.transient === true) {
        this.#housekeeping.expectReuse(parentOf(pathOf(write.key)))
      }
    }
    // No session has to hear of it while no key has a time to live.
    const short = this.#sessions.haveTtls
      ? undefined
      : this.#commits.commitShortly(this.#connection, checks, writes, call)
    return short ?? this.#commitAny(checks, writes, call)
  }

  async removeTree(tree: Tree, call: Call): Promise<number> {
    const context = {
      connection: this.#connection,
      directories: this.#directories,
      housekeeping: this.#housekeeping,
    }
    return removeTree(context, tree, call)
  }

  observe(scope: Scope, observer: Observer): Observation {
    const context = { connection: this.#connection, options: this.#options }
    const feed =
      'key' in scope
        ? new KeyFeed(context, scope.key, observer, scope.known)
        : new TreeFeed(context, scope.prefix, observer)
    this.#feeds.add(feed)
    return {
      close: () => {
        this.#feeds.delete(feed)
        feed.close()
      },
    }
  }

  async openSession(ttl: number, call: Call): Promise<DriverSession> {
    try {
      return await this.#sessions.open(ttl, call)
    } catch (error) {
      throw errorOf(error)
    }
  }

  async ping(call: Call): Promise<void> {
    try {
      await this.#client.exists('/', reportingCall(call, this.#options.runtime))
    } catch (error) {
      throw errorOf(error)
    }
  }

  async close(): Promise<void> {
    for (const feed of this.#feeds) feed.close()
    const { runtime, connectionTimeout } = this.#options
    await settleWithin(runtime, connectionTimeout, this.#sessions.close())
    await settleWithin(runtime, connectionTimeout, this.#housekeeping.close())
    const unref = this.#client.ref()
    await this.#client.close()
    unref()
  }

  async #commitAny(
    checks: readonly Check[],
    writes: readonly Write[],
    call: Call,
  ): Promise<CommitOutcome> {
    const { session, ttl } = ownerOf(writes)
    if (session !== undefined) return this.#commitIn(session, checks, writes, call)
    if (ttl !== undefined) return this.#commitWithTtl(ttl, checks, writes, call)
    try {
      return await this.#commit(this.#connection, checks, writes, call)
    } catch (error) {
      throw errorOf(error)
    }
  }

  async #commit(
    connection: ZooKeeperConnection,
    checks: readonly Check[],
    writes: readonly Write[],
    call: Call,
  ): Promise<CommitOutcome> {
    const outcome = await this.#commits.commit(connection, checks, writes, call)
    if (outcome.committed && this.#sessions.haveTtls) {
      this.#sessions.wereWritten(
        writes.map(({ key }) => pathOf(key)),
        outcome.revision,
      )
    }
    return outcome
  }

  async #commitIn(
    bound: DriverSession,
    checks: readonly Check[],
    writes: readonly Write[],
    call: Call,
  ): Promise<CommitOutcome> {
    const session = sessionOf(bound)
    for (const write of writes) {
      if (write.type === 'put' && write.session !== undefined) session.bound(pathOf(write.key))
    }
    try {
      return await this.#commit(session.connection, checks, writes, call)
    } catch (error) {
      throw errorOfSession(error)
    }
  }

  async #commitWithTtl(
    ttl: number,
    checks: readonly Check[],
    writes: readonly Write[],
    call: Call,
  ): Promise<CommitOutcome> {
    try {
      const session = await this.#sessions.forTtl(ttl)
      return await session.use(async () => {
        const expect = (revision: bigint | undefined): void => {
          for (const write of writes) {
            if (write.type !== 'put' || write.ttl === undefined) continue
            session.expect(pathOf(write.key), revision, write.ttl)
          }
        }
        try {
          const outcome = await this.#commit(session.connection, checks, writes, call)
          if (outcome.committed) expect(outcome.revision)
          return outcome
        } catch (error) {
          const failure = errorOf(error)
          // It may be there, and would otherwise stay as long as the session.
          if (isLibkvError(failure) && failure.ambiguous) expect(undefined)
          throw failure
        }
      })
    } catch (error) {
      throw errorOf(error)
    }
  }
}

/** In which session the writes have to be made: nodes that go belong to that by which they are made. */
function ownerOf(writes: readonly Write[]): { session?: DriverSession; ttl?: number } {
  const sessions = new Set<DriverSession>()
  const ttls: number[] = []
  for (const write of writes) {
    if (write.type !== 'put') continue
    if (write.session !== undefined) sessions.add(write.session)
    if (write.ttl !== undefined) ttls.push(write.ttl)
  }
  if (sessions.size > 1 || (sessions.size > 0 && ttls.length > 0)) {
    const message =
      'ZooKeeper binds all keys of one transaction to one session, or gives them a ttl'
    throw new LibkvError('NOT_SUPPORTED', message, { backend: 'zookeeper' })
  }
  const [session] = sessions
  if (session !== undefined) return { session }
  return ttls.length > 0 ? { ttl: Math.min(...ttls) } : {}
}

const isGiven = (secret: string | undefined): secret is string => secret !== undefined

/** The proof of an identity, and the password that is part of a digest's. */
function secretsOf({ auth }: Auth): string[] {
  const proof = typeof auth === 'string' ? auth : new TextDecoder().decode(auth)
  return [proof, proof.slice(proof.indexOf(':') + 1)]
}
