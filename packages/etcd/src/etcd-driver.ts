import { LibkvError } from '@libkv/core'
import { BackgroundWork, Leases, SharedFeeds, TtlByLease } from '@libkv/core/driver'
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
  Scope,
  Write,
} from '@libkv/core/driver'
import type { Capabilities } from '@libkv/core'
import { EtcdClient } from './etcd-client.ts'
import { isCompacted } from './etcd-errors.ts'
import { EtcdFeed } from './etcd-feed.ts'
import type { EtcdScan } from './etcd-feed.ts'
import { EtcdLeases } from './etcd-leases.ts'
import type { EtcdLease } from './etcd-leases.ts'
import type { ResolvedEtcdOptions } from './etcd-options.ts'
import type { EtcdRange, RangeRequest, TxnReply } from './etcd-codec.ts'
import { deleteRange, put, range, txn } from './etcd-methods.ts'
import { etcdRangeOf, rangeOfScope } from './etcd-requests.ts'

export const etcdCapabilities: Capabilities = {
  transactions: true,
  sessionKeysMayHaveDescendants: true,
  // Leases count in seconds, and etcd takes no more than 9,000,000,000 of them.
  ttl: { min: 1_000, max: 9_000_000_000_000 - 2_000 },
  expiryFactor: 1,
  // Up to one second of rounding up, and etcd looks for expired leases every half second.
  expirySlack: 2_500,
  durability: 'quorum',
}

/** How many keys a list asks for at once. */
const PAGE = 10_000

/** What a key's lease lasts beyond its time to live, in ms: time for the put that follows the grant. */
const LEASE_MARGIN = 250

/** libkv's contract in terms of etcd's v3 API (https://etcd.io/docs/v3.5/learning/api/). */
export class EtcdDriver implements Driver {
  readonly backend = 'etcd'
  readonly endpoint: string
  readonly secrets: readonly string[]
  readonly capabilities: Capabilities = etcdCapabilities
  readonly #client: EtcdClient
  readonly #background: BackgroundWork
  readonly #leases: Leases<EtcdLease>
  readonly #ttl: TtlByLease<EtcdLease>
  readonly #feeds: SharedFeeds

  constructor(options: ResolvedEtcdOptions) {
    this.#client = new EtcdClient(options)
    this.#background = new BackgroundWork(options)
    this.#leases = new Leases(new EtcdLeases(this.#client), this.#background, options.runtime)
    this.#ttl = new TtlByLease(this.#leases, {
      runtime: options.runtime,
      margin: LEASE_MARGIN,
      share: true,
    })
    this.#feeds = new SharedFeeds(
      (scope) => new EtcdFeed(this.#client, options, scope, (call) => this.#readScope(scope, call)),
    )
    this.endpoint = options.addresses.join(',')
    this.secrets = [options.credentials?.password, options.tls?.passphrase].filter(isGiven)
  }

  async read(key: string, request: ReadRequest, call: Call): Promise<Entry | null> {
    const { entries } = await this.#client.request(range, rangeRequest({ key }, request), call)
    return entries[0] ?? null
  }

  async scan(prefix: string, request: ReadRequest, call: Call): Promise<EtcdScan> {
    for (;;) {
      try {
        return await this.#scan(prefix, request, call)
      } catch (error) {
        // The history was compacted between two pages: read again from the beginning.
        if (!(error instanceof LibkvError) || !isCompacted(error.cause)) throw error
      }
    }
  }

  commit(checks: readonly Check[], writes: readonly Write[], call: Call): Promise<CommitOutcome> {
    return writes.some((write) => write.type === 'put' && write.ttl !== undefined)
      ? this.#ttl.commit(writes, call, (leases) => this.#commit(checks, writes, leases, call))
      : this.#commit(checks, writes, [], call)
  }

  async removeTree(_prefix: string, ranges: readonly KeyRange[], call: Call): Promise<number> {
    const writes = ranges.map((keys) => ({ type: 'range', ...etcdRangeOf(keys) }) as const)
    const { replies } = await this.#client.request(txn, { checks: [], writes }, call)
    return replies.reduce((sum, { deleted }) => sum + deleted, 0)
  }

  observe(scope: Scope, observer: Observer): Observation {
    return this.#feeds.observe(scope, observer)
  }

  openSession(ttl: number, call: Call): Promise<DriverSession> {
    return this.#leases.grant(ttl, call)
  }

  async ping(call: Call): Promise<void> {
    try {
      await this.#client.request(range, { key: 'health' }, call)
    } catch (error) {
      // A user who may not read that key has been answered.
      const denied = error instanceof LibkvError && error.message.includes('permission denied')
      if (!denied) throw error
    }
  }

  async close(): Promise<void> {
    await this.#background.drain()
    this.#client.close()
  }

  async #scan(prefix: string, request: ReadRequest, call: Call): Promise<EtcdScan> {
    const first = { ...rangeRequest(rangeOfScope({ prefix }), request), limit: PAGE }
    const { revision, entries, next } = await this.#client.request(range, first, call)
    if (next === undefined) return { entries, revision }
    const all = [...entries]
    for (let last: Uint8Array | undefined = next; last !== undefined;) {
      const key = Buffer.concat([last, Buffer.from([0])])
      const page = await this.#client.request(range, { ...first, key, revision }, call)
      for (const entry of page.entries) all.push(entry)
      last = page.next
    }
    return { entries: all, revision }
  }

  #readScope(scope: Scope, call: Call): Promise<EtcdScan> {
    return 'prefix' in scope
      ? this.scan(scope.prefix, { consistency: 'linearizable', fields: 'all' }, call)
      : this.#client.request(range, rangeOfScope(scope), call)
  }

  async #commit(
    checks: readonly Check[],
    writes: readonly Write[],
    leases: readonly (EtcdLease | undefined)[],
    call: Call,
  ): Promise<CommitOutcome> {
    const leased = writes.map((write, i) => {
      const lease = leases[i] ?? sessionOf(write)
      return lease === undefined ? write : { ...write, lease: lease.id }
    })
    const [only] = leased
    if (checks.length === 0 && leased.length === 1 && only !== undefined) {
      return this.#write(only, call)
    }
    const reply = await this.#client.request(txn, { checks, writes: leased }, call)
    if (!reply.succeeded) return failureOf(checks, reply)
    const { revision, replies } = reply
    const results = replies.map(({ deleted, createRevision }) => ({
      existed: deleted > 0 || createRevision !== undefined,
      createRevision: createRevision ?? revision,
    }))
    return { committed: true, revision, results }
  }

  /** A write without conditions needs no transaction. */
  async #write(write: Write, call: Call): Promise<CommitOutcome> {
    if (write.type === 'put') {
      const { revision, createRevision } = await this.#client.request(put, write, call)
      const existed = createRevision !== undefined
      const result = { existed, createRevision: createRevision ?? revision }
      return { committed: true, revision, results: [result] }
    }
    const { revision, deleted } = await this.#client.request(deleteRange, write, call)
    return {
      committed: true,
      revision,
      results: [{ existed: deleted > 0, createRevision: 0n }],
    }
  }
}

const sessionOf = (write: Write): DriverSession | undefined =>
  write.type === 'put' ? write.session : undefined

const rangeRequest = (keys: EtcdRange, { fields, consistency }: ReadRequest): RangeRequest => ({
  ...keys,
  keysOnly: fields !== 'all',
  stale: consistency === 'stale',
})

function failureOf(checks: readonly Check[], { replies }: TxnReply): CommitOutcome {
  for (const [failed, { expected }] of checks.entries()) {
    const current = replies[failed]?.entries[0] ?? null
    if (current?.revision !== expected?.revision) return { committed: false, failed, current }
  }
  throw new LibkvError('BACKEND_ERROR', 'a transaction failed although all of its checks hold')
}

const isGiven = (secret: string | undefined): secret is string => secret !== undefined
