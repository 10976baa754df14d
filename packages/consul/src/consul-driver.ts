import { LibkvError, isLibkvError, within } from '@libkv/core'
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
} from '@libkv/core'
import { ConsulClient } from './consul-client.ts'
import { encodeTxn, entryOf, isPrintable, nameOnly, parseEntries, pathOf } from './consul-codec.ts'
import type { KvJson, KvOperation, TxnProblem } from './consul-codec.ts'
import { CommitPlan, nonce } from './consul-commit.ts'
import type { BoundWrite } from './consul-commit.ts'
import { errorOfAnswer } from './consul-errors.ts'
import { fitsLargeValue, putLargeValue } from './consul-large-value.ts'
import { LONGEST_SESSION_TTL } from './consul-options.ts'
import type { ResolvedConsulOptions } from './consul-options.ts'
import { ConsulSession, ConsulSessions, SESSION_TTL_MULTIPLIER } from './consul-session.ts'
import { ConsulFeeds } from './consul-watch.ts'

/** What a key's session has on top of its time to live, in milliseconds: time for the write that follows its creation. */
const SESSION_MARGIN = 250

/** How large the body of a transaction may be, in bytes. */
const MAX_TXN_BYTES = 512 * 1024

/** How often a commit is tried while other sessions take its keys. */
const ATTEMPTS = 10

/** Below this segment core keeps the lines of locks, whose revisions it needs. */
const RESERVED = /(?:^|\/)\.libkv\//

export function consulCapabilities(minimumTtl: number): Capabilities {
  return {
    transactions: true,
    sessionKeysMayHaveDescendants: true,
    ttl: {
      min: minimumTtl * SESSION_TTL_MULTIPLIER,
      max: LONGEST_SESSION_TTL * SESSION_TTL_MULTIPLIER - 1_000,
    },
    expiryFactor: 1,
    // The margin above, and what it takes the leader to notice and the cluster to agree.
    expirySlack: 2_000,
  }
}

/** libkv's contract in terms of Consul's HTTP API (https://developer.hashicorp.com/consul/api-docs). */
export class ConsulDriver implements Driver {
  readonly backend = 'consul'
  readonly endpoint: string
  readonly capabilities: Capabilities
  readonly #options: ResolvedConsulOptions
  readonly #client: ConsulClient
  readonly #sessions: ConsulSessions
  readonly #feeds: ConsulFeeds
  /** The sessions of keys with a time to live that this store has written, and when they are over. */
  readonly #lifetimes = new Map<string, number>()
  /** Whether the servers have access control; undefined while nobody knows. */
  #hasAcl: boolean | undefined

  constructor(options: ResolvedConsulOptions) {
    this.#options = options
    this.capabilities = consulCapabilities(options.minimumTtl)
    this.#client = new ConsulClient(options)
    this.#sessions = new ConsulSessions(this.#client, options)
    this.#feeds = new ConsulFeeds(this.#client, options, (prefix, call) =>
      this.#refuseIfHidden(prefix, call),
    )
    this.endpoint = options.addresses.join(',')
  }

  /** Also without `values` it reads the value: no other request tells absent from forbidden. */
  async read(key: string, { consistency }: ReadRequest, call: Call): Promise<Entry | null> {
    const mode = consistency === 'stale' ? 'stale' : 'consistent'
    if (!isPrintable(key)) {
      const entries = await this.#readOnly({ Verb: 'get', Key: key }, mode, call)
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
    const mode = request.consistency === 'stale' ? 'stale' : 'consistent'
    if (!isPrintable(prefix)) {
      const entries = await this.#readOnly({ Verb: 'get-tree', Key: prefix }, mode, call)
      return { entries, revision: 0n }
    }
    const onlyNames = !request.values && !RESERVED.test(prefix)
    const { status, body, index } = await this.#client.request(
      { method: 'GET', path: `kv/${pathOf(prefix)}?${onlyNames ? 'keys' : 'recurse'}&${mode}` },
      [200, 404],
      call,
    )
    const revision = BigInt(index)
    if (status === 404) {
      await this.#refuseIfHidden(prefix, call)
      return { entries: [], revision }
    }
    const entries = onlyNames
      ? (JSON.parse(body.toString()) as string[]).map(nameOnly)
      : parseEntries(body)
    return { entries, revision }
  }

  commit(checks: readonly Check[], writes: readonly Write[], call: Call): Promise<CommitOutcome> {
    if (writes.some((write) => write.type === 'put' && write.ttl !== undefined)) {
      return this.#commitWithTtl(checks, writes, call)
    }
    const bound = writes.map((write) =>
      bind(write, write.type === 'put' ? write.session : undefined),
    )
    return this.#commit(checks, bound, call)
  }

  async removeTree(tree: Tree, call: Call): Promise<number> {
    if (tree.except !== undefined) return this.#removeAllBut(tree.except, tree.prefix, call)
    const operations: KvOperation[] = []
    if (tree.key !== undefined) operations.push(...this.#counted(tree.key))
    operations.push(...countedTree(tree.prefix))
    return this.#remove(operations, call)
  }

  observe(scope: Scope, observer: Observer): Observation {
    return this.#feeds.observe(scope, observer)
  }

  openSession(ttl: number, call: Call): Promise<DriverSession> {
    return this.#sessions.create(ttl, call)
  }

  ping(call: Call): Promise<void> {
    return this.#client.ping(call)
  }

  async close(): Promise<void> {
    this.#feeds.close()
    const { runtime, connectionTimeout } = this.#options
    await within(runtime, connectionTimeout, this.#sessions.drain())
    this.#client.close()
  }

  /** A session for each key that has a time to live, and then the transaction. */
  async #commitWithTtl(
    checks: readonly Check[],
    writes: readonly Write[],
    call: Call,
  ): Promise<CommitOutcome> {
    const { runtime } = this.#options
    const sentAt = runtime.now()
    const opened = await Promise.allSettled(
      writes.map(async (write) => {
        if (write.type !== 'put') return undefined
        if (write.ttl === undefined) return write.session
        return this.#sessions.create(write.ttl + SESSION_MARGIN, call)
      }),
    )
    const own = opened
      .map((result) => (result.status === 'fulfilled' ? result.value : undefined))
      .filter((session) => session instanceof ConsulSession)
      .filter(
        (session) => !writes.some((write) => write.type === 'put' && write.session === session),
      )
    const giveBack = (): void => {
      for (const session of own) this.#sessions.destroy(session)
    }
    try {
      const bound = writes.map((write, i) => {
        const result = opened[i]
        if (result?.status === 'rejected') throw result.reason as Error
        return bind(write, result?.value)
      })
      if (call.settled) throw new LibkvError('CLOSED', 'nobody waits for the answer any more')
      const outcome = await this.#commit(checks, bound, call)
      if (!outcome.committed) {
        giveBack()
        return outcome
      }
      // The write was slow: without this the keys would go too early.
      if (runtime.now() - sentAt > SESSION_MARGIN) {
        await Promise.all(own.map((session) => session.renew(call)))
      }
      for (const { id, ttl } of own) this.#remember(id, ttl * SESSION_TTL_MULTIPLIER)
      return outcome
    } catch (error) {
      // An ambiguous write may be there: its keys then go with their sessions, in time.
      if (!isLibkvError(error) || !error.ambiguous) giveBack()
      throw error
    }
  }

  async #commit(
    checks: readonly Check[],
    writes: readonly BoundWrite[],
    call: Call,
  ): Promise<CommitOutcome> {
    const { runtime } = this.#options
    const plan = new CommitPlan(checks, writes, runtime)
    if (writes.length > MAX_UNSURVEYED && plan.isCrowded) {
      const { survey } = plan
      const { problems } = await this.#txn(survey, call)
      if (problems !== undefined) plan.learn(problems, survey)
    }
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const { operations } = plan
      const body = encodeTxn(operations)
      if (body.length > MAX_TXN_BYTES / 3 && Buffer.byteLength(body) > MAX_TXN_BYTES)
        return this.#commitLarge(checks, writes, call)
      const { problems, results } = await this.#send(body, call)
      if (problems === undefined) {
        for (const id of plan.ousted) this.#forget(id)
        for (const { KV } of results) {
          if (KV.Session !== undefined && writes.every(({ type }) => type === 'delete')) {
            this.#forget(KV.Session)
          }
        }
        return plan.outcome(results)
      }
      const outcome = plan.refused(problems, operations)
      if (outcome !== undefined) return outcome
      if (call.settled) throw new LibkvError('CLOSED', 'nobody waits for the answer any more')
    }
    throw new LibkvError('BACKEND_ERROR', 'the key goes from session to session all the time', {
      retryable: true,
    })
  }

  #commitLarge(
    checks: readonly Check[],
    writes: readonly BoundWrite[],
    call: Call,
  ): Promise<CommitOutcome> {
    const [write] = writes
    if (write?.type === 'put' && fitsLargeValue(checks, writes) && isPrintable(write.key)) {
      return putLargeValue(this.#client, this.#options.runtime, checks, write, call)
    }
    throw new LibkvError(
      'VALUE_TOO_LARGE',
      'a transaction of Consul has room for 383 KiB of values altogether',
    )
  }

  #txn(
    operations: readonly KvOperation[],
    call: Call,
  ): Promise<{ results: readonly { KV: KvJson }[]; problems?: readonly TxnProblem[] }> {
    return this.#send(encodeTxn(operations), call)
  }

  async #send(
    body: string,
    call: Call,
  ): Promise<{ results: readonly { KV: KvJson }[]; problems?: readonly TxnProblem[] }> {
    const answer = await this.#client.request(
      { method: 'PUT', path: 'txn', body },
      [200, 409],
      call,
    )
    const { Results, Errors } = JSON.parse(answer.body.toString()) as TxnAnswer
    return { results: Results ?? [], ...(answer.status === 409 && { problems: Errors ?? [] }) }
  }

  /** Deletes a key and tells whether it was there: what is set first has a result. */
  #counted(key: string): KvOperation[] {
    return [
      { Verb: 'set', Key: key, Flags: nonce(this.#options.runtime) },
      { Verb: 'delete', Key: key },
    ]
  }

  async #remove(operations: readonly KvOperation[], call: Call): Promise<number> {
    const { results, problems } = await this.#txn(operations, call)
    if (problems !== undefined) {
      // There are no conditions, so it can only be this.
      new CommitPlan([], [], this.#options.runtime).refused(problems, operations)
      throw new LibkvError('BACKEND_ERROR', problems[0]?.What ?? 'refused')
    }
    const set = operations.find(({ Verb }) => Verb === 'set')?.Key
    return results.filter(({ KV }) => KV.Key !== set || KV.CreateIndex < KV.ModifyIndex).length
  }

  /** What is at the top, and then all of that but one, in as few transactions as it takes. */
  async #removeAllBut(except: string, prefix: string, call: Call): Promise<number> {
    const names = (await this.#topOf(prefix, call)).filter((name) => name !== except)
    let count = 0
    for (let i = 0; i < names.length; i += 32) {
      if (call.settled) break
      const batch = names.slice(i, i + 32)
      const operations = batch.flatMap((name) =>
        name.endsWith('/') ? countedTree(name) : this.#counted(name),
      )
      const { results, problems } = await this.#txn(operations, call)
      if (problems !== undefined)
        new CommitPlan([], [], this.#options.runtime).refused(problems, operations)
      const set = new Set(batch)
      count += results.filter(
        ({ KV }) => !set.has(KV.Key) || KV.CreateIndex < KV.ModifyIndex,
      ).length
    }
    return count
  }

  /** The keys right below a prefix, and its directories, which end in a slash. */
  async #topOf(prefix: string, call: Call): Promise<string[]> {
    if (!isPrintable(prefix)) {
      const entries = await this.#readOnly({ Verb: 'get-tree', Key: prefix }, 'consistent', call)
      const top = entries.map(({ key }) => {
        const end = key.indexOf('/', prefix.length)
        return end < 0 ? key : key.slice(0, end + 1)
      })
      return [...new Set(top)]
    }
    const { status, body } = await this.#client.request(
      { method: 'GET', path: `kv/${pathOf(prefix)}?keys&separator=/&consistent` },
      [200, 404],
      call,
    )
    if (status === 200) return JSON.parse(body.toString()) as string[]
    await this.#refuseIfHidden(prefix, call)
    return []
  }

  /** A transaction that only reads takes keys that cannot be part of a path. */
  async #readOnly(operation: KvOperation, mode: string, call: Call): Promise<Entry[]> {
    const body = encodeTxn([operation])
    const path = `txn?${mode}`
    const answer = await this.#client.request({ method: 'PUT', path, body }, [200, 409], call)
    const { Results, Errors } = JSON.parse(answer.body.toString()) as TxnAnswer
    const [problem] = Errors ?? []
    if (problem !== undefined && !problem.What.endsWith("doesn't exist")) {
      throw errorOfAnswer(answer.status, problem.What)
    }
    // A key that is there and not shown is a forbidden one.
    if (operation.Verb === 'get' && problem === undefined && (Results ?? []).length === 0) {
      throw new LibkvError('ACCESS_DENIED', 'the token may not read this key')
    }
    return (Results ?? []).map(({ KV }) => entryOf(KV))
  }

  /**
   * Servers leave out of a list what the token may not read, so that a forbidden directory looks empty. Whether it is shows
   * a key in it.
   *
   * @throws LibkvError `ACCESS_DENIED`.
   */
  async #refuseIfHidden(prefix: string, call: Call): Promise<void> {
    if (this.#hasAcl === undefined) {
      const { status } = await this.#client.request(
        { method: 'GET', path: 'acl/token/self' },
        [200, 400, 401, 403, 404, 500],
        call,
      )
      this.#hasAcl = status !== 401
    }
    if (!this.#hasAcl || !isPrintable(prefix)) return
    const key = `${prefix}.libkv-access`
    await this.#client.request({ method: 'GET', path: `kv/${pathOf(key)}` }, [200, 404], call)
  }

  #remember(id: string, lifetime: number): void {
    const now = this.#options.runtime.now()
    for (const [old, over] of this.#lifetimes) {
      if (over > now) break
      this.#lifetimes.delete(old)
    }
    this.#lifetimes.set(id, now + lifetime)
  }

  /** The session of a key's time to live has lost its key: nobody needs it any more. */
  #forget(id: string): void {
    if (this.#lifetimes.delete(id)) this.#sessions.destroy(new ConsulSession(this.#client, id, 0))
  }
}

interface TxnAnswer {
  readonly Results: readonly { readonly KV: KvJson }[] | null
  readonly Errors: readonly TxnProblem[] | null
}

/** A commit of so few writes fits into a transaction whatever they are. */
const MAX_UNSURVEYED = 10

const bind = (write: Write, session: DriverSession | undefined): BoundWrite =>
  session === undefined ? write : { ...write, sessionId: session.id }

const countedTree = (prefix: string): KvOperation[] => [
  { Verb: 'get-tree', Key: prefix },
  { Verb: 'delete-tree', Key: prefix },
]
