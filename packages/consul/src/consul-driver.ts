import { BackgroundWork, Leases } from '@libkv/core/driver'
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
import type { Capabilities } from '@libkv/core'
import { ConsulAccess } from './consul-access.ts'
import { ConsulClient } from './consul-client.ts'
import { entryOf, isPrintable, nameOnly, parseEntries, pathOf } from './consul-codec.ts'
import type { KvJson } from './consul-codec.ts'
import { ConsulCommits } from './consul-commits.ts'
import { LONGEST_SESSION_TTL } from './consul-options.ts'
import type { ResolvedConsulOptions } from './consul-options.ts'
import { ConsulRemoval } from './consul-removal.ts'
import { ConsulLeases, SESSION_TTL_MULTIPLIER } from './consul-leases.ts'
import type { ConsulLease } from './consul-leases.ts'
import { readByTxn } from './consul-txn.ts'
import { ConsulFeeds } from './consul-feeds.ts'

export function consulCapabilities(minimumTtl: number): Capabilities {
  return {
    transactions: true,
    sessionKeysMayHaveDescendants: true,
    ttl: {
      min: minimumTtl * SESSION_TTL_MULTIPLIER,
      max: LONGEST_SESSION_TTL * SESSION_TTL_MULTIPLIER - 1_000,
    },
    expiryFactor: 1,
    // What a key's session has on top of its ttl, and what it takes the leader to notice and the cluster to agree.
    expirySlack: 2_000,
    durability: 'quorum',
  }
}

/** libkv's contract in terms of Consul's HTTP API (https://developer.hashicorp.com/consul/api-docs). */
export class ConsulDriver implements Driver {
  readonly backend = 'consul'
  readonly endpoint: string
  readonly secrets: readonly string[]
  readonly capabilities: Capabilities
  readonly #client: ConsulClient
  readonly #access: ConsulAccess
  readonly #background: BackgroundWork
  readonly #leases: Leases<ConsulLease>
  readonly #commits: ConsulCommits
  readonly #removal: ConsulRemoval
  readonly #feeds: ConsulFeeds

  constructor(options: ResolvedConsulOptions) {
    this.endpoint = options.addresses.join(',')
    this.secrets = [options.token, options.tls?.passphrase].filter(isGiven)
    this.capabilities = consulCapabilities(options.minimumTtl)
    this.#client = new ConsulClient(options)
    this.#access = new ConsulAccess(this.#client)
    this.#background = new BackgroundWork(options)
    this.#leases = new Leases(new ConsulLeases(this.#client), this.#background, options.runtime)
    this.#commits = new ConsulCommits(this.#client, this.#leases, options)
    this.#removal = new ConsulRemoval(this.#client, this.#access, options.runtime)
    this.#feeds = new ConsulFeeds(this.#client, this.#access, options)
  }

  /** Also without `values` it reads the value: no other request tells absent from forbidden. */
  async read(key: string, request: ReadRequest, call: Call): Promise<Entry | null> {
    const mode = modeOf(request)
    if (!isPrintable(key)) {
      const entries = await readByTxn(this.#client, { Verb: 'get', Key: key }, mode, call)
      return entries[0] ?? null
    }
    const { status, body } = await this.#client.request(
      { method: 'GET', path: `kv/${pathOf(key)}?${mode}` },
      [200, 404],
      call,
    )
    if (status === 404) return null
    const [entry] = JSON.parse(body.toString()) as KvJson[]
    return entry === undefined ? null : entryOf(entry)
  }

  async scan(prefix: string, request: ReadRequest, call: Call): Promise<Scan> {
    const mode = modeOf(request)
    if (!isPrintable(prefix)) {
      const tree = { Verb: 'get-tree', Key: prefix } as const
      return { entries: await readByTxn(this.#client, tree, mode, call) }
    }
    const onlyNames = request.fields === 'keys'
    const { status, body } = await this.#client.request(
      { method: 'GET', path: `kv/${pathOf(prefix)}?${onlyNames ? 'keys' : 'recurse'}&${mode}` },
      [200, 404],
      call,
    )
    if (status === 404) {
      await this.#access.refuseIfHidden(prefix, call)
      return { entries: [] }
    }
    const entries = onlyNames
      ? (JSON.parse(body.toString()) as string[]).map(nameOnly)
      : parseEntries(body)
    return { entries }
  }

  commit(checks: readonly Check[], writes: readonly Write[], call: Call): Promise<CommitOutcome> {
    return this.#commits.commit(checks, writes, call)
  }

  removeTree(prefix: string, ranges: readonly KeyRange[], call: Call): Promise<number> {
    return this.#removal.remove(prefix, ranges, call)
  }

  observe(scope: Scope, observer: Observer): Observation {
    return this.#feeds.observe(scope, observer)
  }

  openSession(ttl: number, call: Call): Promise<DriverSession> {
    return this.#leases.grant(ttl, call)
  }

  ping(call: Call): Promise<void> {
    return this.#client.ping(call)
  }

  async close(): Promise<void> {
    this.#feeds.close()
    await this.#background.drain()
    this.#client.close()
  }
}

/** Without a mode a leader that was deposed might answer. */
const modeOf = ({ consistency }: ReadRequest): string =>
  consistency === 'stale' ? 'stale' : 'consistent'

const isGiven = (secret: string | undefined): secret is string => secret !== undefined
