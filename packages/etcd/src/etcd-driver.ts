import { DetachedCall, LibkvError } from '@libkv/core'
import type {
  Call,
  Capabilities,
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
  WriteResult,
} from '@libkv/core'
import type { IDeleteRangeResponse, IRangeResponse, ITxnResponse } from 'etcd3'
import { EtcdClient } from './etcd-client.ts'
import { isCompacted } from './etcd-errors.ts'
import { EtcdLease } from './etcd-lease.ts'
import type { ResolvedEtcdOptions } from './etcd-options.ts'
import { compareOf, entryOf, operationOf, rangeOf, rangesOf } from './etcd-requests.ts'
import { EtcdFeed } from './etcd-watch.ts'

export const etcdCapabilities: Capabilities = {
  transactions: true,
  sessionKeysMayHaveDescendants: true,
  // Leases count in seconds, and etcd takes no more than 9,000,000,000 of them.
  ttl: { min: 1_000, max: 9_000_000_000_000 - 2_000 },
  expiryFactor: 1,
  // Up to one second of rounding up, and etcd looks for expired leases every half second.
  expirySlack: 2_500,
}

/** How many keys a list asks for at once. */
const PAGE = 10_000

/** What a key's lease has on top of its time to live, in milliseconds: time for the put that follows the grant. */
const LEASE_MARGIN = 250

/** libkv's contract in terms of etcd's v3 API (https://etcd.io/docs/v3.5/learning/api/). */
export class EtcdDriver implements Driver {
  readonly backend = 'etcd'
  readonly endpoint: string
  readonly capabilities: Capabilities = etcdCapabilities
  readonly #options: ResolvedEtcdOptions
  readonly #client: EtcdClient
  readonly #feeds = new Set<EtcdFeed>()
  readonly #cleanups = new Set<Promise<void>>()

  constructor(options: ResolvedEtcdOptions) {
    this.#options = options
    this.#client = new EtcdClient(options)
    this.endpoint = options.addresses.join(',')
  }

  async read(key: string, request: ReadRequest, call: Call): Promise<Entry | null> {
    const { kvs } = await this.#client.request<IRangeResponse>(
      'KV',
      'range',
      {
        key: Buffer.from(key),
        serializable: request.consistency === 'stale',
        keys_only: !request.values,
      },
      call,
    )
    const [pair] = kvs
    return pair === undefined ? null : (entryOf(pair) ?? null)
  }

  async scan(prefix: string, request: ReadRequest, call: Call): Promise<Scan> {
    for (;;) {
      try {
        return await this.#scan(prefix, request, call)
      } catch (error) {
        // The history was compacted between two pages: read again from the beginning.
        if (!(error instanceof LibkvError) || !isCompacted(error.cause)) throw error
      }
    }
  }

  async commit(
    checks: readonly Check[],
    writes: readonly Write[],
    call: Call,
  ): Promise<CommitOutcome> {
    const ttl = writes.reduce((most, write) => Math.max(most, timeToLive(write)), 0)
    if (ttl === 0) return this.#commit(checks, writes, undefined, call)
    return this.#commitWithTtl(checks, writes, call)
  }

  async removeTree(tree: Tree, call: Call): Promise<number> {
    const success = rangesOf(tree).map((range) => ({ request_delete_range: range }))
    const { responses } = await this.#client.request<ITxnResponse>('KV', 'txn', { success }, call)
    return responses.reduce(
      (sum, { response_delete_range: { deleted } }) => sum + Number(deleted),
      0,
    )
  }

  observe(scope: Scope, observer: Observer): Observation {
    const feed = new EtcdFeed(this.#client, this.#options, scope, observer, (call) =>
      this.#readScope(scope, call),
    )
    this.#feeds.add(feed)
    return {
      close: () => {
        this.#feeds.delete(feed)
        feed.close()
      },
    }
  }

  openSession(ttl: number, call: Call): Promise<DriverSession> {
    return EtcdLease.grant(this.#client, ttl, call)
  }

  async ping(call: Call): Promise<void> {
    try {
      await this.#client.request('KV', 'range', { key: Buffer.from('health') }, call)
    } catch (error) {
      // A user who may not read that key has been answered.
      const denied = error instanceof LibkvError && error.message.includes('permission denied')
      if (!denied) throw error
    }
  }

  async close(): Promise<void> {
    for (const feed of this.#feeds) feed.close()
    await Promise.all(this.#cleanups)
    this.#client.close()
  }

  async #scan(prefix: string, request: ReadRequest, call: Call): Promise<Scan> {
    const range = rangeOf(prefix)
    const entries: Entry[] = []
    let revision = 0n
    for (let more = true; more;) {
      const page = await this.#client.request<IRangeResponse>(
        'KV',
        'range',
        {
          ...range,
          limit: PAGE,
          revision: revision.toString(),
          keys_only: !request.values,
          serializable: request.consistency === 'stale',
        },
        call,
      )
      if (revision === 0n) revision = BigInt(page.header.revision)
      for (const pair of page.kvs) {
        const entry = entryOf(pair)
        if (entry !== undefined) entries.push(entry)
      }
      const last = page.kvs.at(-1)
      more = page.more && last !== undefined
      if (last !== undefined) range.key = Buffer.concat([last.key, Buffer.from([0])])
    }
    return { entries, revision }
  }

  async #readScope(scope: Scope, call: Call): Promise<Scan> {
    if ('prefix' in scope) {
      return this.scan(scope.prefix, { consistency: 'linearizable', values: true }, call)
    }
    const { header, kvs } = await this.#client.request<IRangeResponse>(
      'KV',
      'range',
      { key: Buffer.from(scope.key) },
      call,
    )
    const entries = kvs.map(entryOf).filter((entry) => entry !== undefined)
    return { entries, revision: BigInt(header.revision) }
  }

  /** A grant and a put: two round trips. All keys with a time to live get a lease of their own. */
  async #commitWithTtl(
    checks: readonly Check[],
    writes: readonly Write[],
    call: Call,
  ): Promise<CommitOutcome> {
    const { runtime } = this.#options
    const grantedAt = runtime.now()
    const leases = new Map<number, EtcdLease>()
    const revoke = (): void => {
      for (const lease of leases.values()) this.#revokeLater(lease)
    }
    try {
      for (const ttl of new Set(writes.map(timeToLive))) {
        if (ttl > 0) leases.set(ttl, await EtcdLease.grant(this.#client, ttl + LEASE_MARGIN, call))
      }
      if (call.settled) throw new LibkvError('CLOSED', 'nobody waits for the answer any more')
      const outcome = await this.#commit(checks, writes, leases, call)
      if (!outcome.committed) {
        revoke()
        return outcome
      }
      // The put was slow: without this the key would go too early.
      for (const [ttl, lease] of leases) {
        if (runtime.now() - grantedAt > lease.ttl - ttl) await lease.renew(call)
      }
      return outcome
    } catch (error) {
      // An ambiguous put may be there: its key then goes with its lease, in time.
      if (!(error instanceof LibkvError) || !error.ambiguous) revoke()
      throw error
    }
  }

  async #commit(
    checks: readonly Check[],
    writes: readonly Write[],
    leases: ReadonlyMap<number, EtcdLease> | undefined,
    call: Call,
  ): Promise<CommitOutcome> {
    const reply = await this.#client.request<ITxnResponse>(
      'KV',
      'txn',
      {
        compare: checks.map(compareOf),
        success: writes.map((write) =>
          operationOf(write, leases?.get(timeToLive(write))?.id ?? sessionOf(write)),
        ),
        failure: checks.map(({ key }) => ({ request_range: { key: Buffer.from(key) } })),
      },
      call,
    )
    if (!reply.succeeded) return failureOf(checks, reply)
    const revision = BigInt(reply.header.revision)
    const results = writes.map((write, index): WriteResult => {
      const response = reply.responses[index]
      if (write.type === 'delete') {
        const { deleted } = response?.response_delete_range as IDeleteRangeResponse
        return { existed: deleted !== '0', createRevision: 0n }
      }
      const before = response?.response_put.prev_kv
      return {
        existed: Boolean(before),
        createRevision: before ? BigInt(before.create_revision) : revision,
      }
    })
    return { committed: true, revision, results }
  }

  /** A lease without keys goes by itself, but why wait. */
  #revokeLater(lease: EtcdLease): void {
    const { runtime, connectionTimeout } = this.#options
    const call = new DetachedCall(runtime, connectionTimeout)
    const cleanup = lease
      .close(call)
      .catch(() => undefined)
      .finally(() => {
        call.done()
        this.#cleanups.delete(cleanup)
      })
    this.#cleanups.add(cleanup)
  }
}

const timeToLive = (write: Write): number => (write.type === 'put' ? (write.ttl ?? 0) : 0)

const sessionOf = (write: Write): string | undefined =>
  write.type === 'put' ? write.session?.id : undefined

function failureOf(checks: readonly Check[], reply: ITxnResponse): CommitOutcome {
  for (const [failed, { expected }] of checks.entries()) {
    const [pair] = reply.responses[failed]?.response_range.kvs ?? []
    const current = pair === undefined ? null : (entryOf(pair) ?? null)
    if (current?.revision !== expected?.revision) return { committed: false, failed, current }
  }
  throw new LibkvError('BACKEND_ERROR', 'a transaction failed although all of its checks hold')
}
