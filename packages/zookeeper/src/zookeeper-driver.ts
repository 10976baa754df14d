import type { Capabilities } from '@libkv/core'
import { SharedFeeds, settleWithin } from '@libkv/core/driver'
import type {
  Call,
  Check,
  CommitOutcome,
  Driver,
  DriverSession,
  Entry,
  KeyRange,
  Observation,
  Observer,
  ReadRequest,
  Scan,
  Scope,
  Write,
} from '@libkv/core/driver'
import { ZooKeeperClient } from './client/index.ts'
import type { Auth } from './client/index.ts'
import { ZooKeeperCommits } from './zookeeper-commits.ts'
import { ZooKeeperConnection } from './zookeeper-connection.ts'
import type { ZooKeeperContext } from './zookeeper-context.ts'
import { mapErrors } from './zookeeper-errors.ts'
import { Housekeeping } from './zookeeper-housekeeping.ts'
import { KeyFeed } from './zookeeper-key-feed.ts'
import { KnownDirectories } from './zookeeper-known-directories.ts'
import { SHORTEST_SESSION, ZooKeeperLeases } from './zookeeper-leases.ts'
import { clientOptions } from './zookeeper-options.ts'
import type { ResolvedZooKeeperOptions } from './zookeeper-options.ts'
import { pathOf } from './zookeeper-paths.ts'
import { removeTree } from './zookeeper-removal.ts'
import { entriesOf } from './zookeeper-tree-entries.ts'
import { TreeFeed } from './zookeeper-tree-feed.ts'
import { listKeys, scanTree } from './zookeeper-tree-scan.ts'

/** The part of a call's time that is left to report why no server was reached. */
const REPORTING_SHARE = 0.05

/** The longest time to live: 100 years, in milliseconds. */
const LONGEST_TTL = 100 * 365 * 24 * 3_600_000

export function zookeeperCapabilities(tickTime: number): Capabilities {
  return {
    transactions: true,
    sessionKeysMayHaveDescendants: false,
    ttl: { min: SHORTEST_SESSION * tickTime, max: LONGEST_TTL },
    expiryFactor: 1,
    // Servers report live sessions to the leader every half tick, and the leader ends expired ones
    // once a tick.
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
  readonly #context: ZooKeeperContext
  readonly #commits: ZooKeeperCommits
  readonly #leases: ZooKeeperLeases
  readonly #feeds = new SharedFeeds((scope) =>
    'key' in scope
      ? new KeyFeed(this.#context, scope.key)
      : new TreeFeed(this.#context, scope.prefix),
  )

  constructor(options: ResolvedZooKeeperOptions) {
    const { addresses, tickTime, sessionTimeout, readBarrier } = options
    this.endpoint = addresses.join(',')
    this.secrets = [...options.auth.flatMap(secretsOf), options.tls?.passphrase].filter(isGiven)
    this.capabilities = zookeeperCapabilities(tickTime)
    const client = new ZooKeeperClient({ ...clientOptions(options), sessionTimeout, renew: true })
    const directories = new KnownDirectories()
    const housekeeping = new Housekeeping(client, options, directories)
    this.#context = {
      connection: new ZooKeeperConnection(client, readBarrier),
      options,
      directories,
      housekeeping,
    }
    this.#leases = new ZooKeeperLeases(options, housekeeping)
    this.#commits = new ZooKeeperCommits(this.#context, this.#leases)
  }

  read(key: string, { consistency }: ReadRequest, call: Call): Promise<Entry | null> {
    const { connection } = this.#context
    return mapErrors(connection.read(key, pathOf(key), consistency === 'linearizable', call))
  }

  scan(prefix: string, read: ReadRequest, call: Call): Promise<Scan> {
    return mapErrors(this.#scan(prefix, read, call))
  }

  commit(checks: readonly Check[], writes: readonly Write[], call: Call): Promise<CommitOutcome> {
    return this.#commits.commit(checks, writes, call)
  }

  removeTree(prefix: string, ranges: readonly KeyRange[], call: Call): Promise<number> {
    return removeTree(this.#context, prefix, ranges, call)
  }

  observe(scope: Scope, observer: Observer): Observation {
    return this.#feeds.observe(scope, observer)
  }

  openSession(ttl: number, call: Call): Promise<DriverSession> {
    return mapErrors(this.#leases.open(ttl, call))
  }

  async ping(call: Call): Promise<void> {
    const { connection, options } = this.#context
    // The client's error has the reason: it has to come before core's own at the deadline.
    const { deadline, connectDeadline } = call
    const latest = deadline - REPORTING_SHARE * (deadline - options.runtime.now())
    const early = { deadline, connectDeadline: Math.min(connectDeadline, latest) }
    await mapErrors(connection.client.exists('/', early))
  }

  async close(): Promise<void> {
    const { connection, options, housekeeping } = this.#context
    const { runtime, connectionTimeout } = options
    await settleWithin(runtime, connectionTimeout, this.#leases.close())
    await settleWithin(runtime, connectionTimeout, housekeeping.close())
    const unref = connection.client.ref()
    await connection.client.close()
    unref()
  }

  async #scan(prefix: string, read: ReadRequest, call: Call): Promise<Scan> {
    const { connection } = this.#context
    const { consistency, fields, flat = false } = read
    const linearizable = consistency === 'linearizable'
    if (fields === 'keys' && flat) return listKeys(connection, { prefix, linearizable }, call)
    const request = { prefix, linearizable, values: fields === 'all' }
    const tree = await scanTree(connection, request, call)
    return { entries: await entriesOf(connection, tree, call) }
  }
}

const isGiven = (secret: string | undefined): secret is string => secret !== undefined

/** The proof of an identity, and the password that is part of a digest's. */
function secretsOf({ auth }: Auth): string[] {
  const proof = typeof auth === 'string' ? auth : new TextDecoder().decode(auth)
  return [proof, proof.slice(proof.indexOf(':') + 1)]
}
