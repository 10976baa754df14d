import { atCaller } from '../calls/at-caller.ts'
import { Calls } from '../calls/calls.ts'
import type { ClientSession } from '../sessions/client-session.ts'
import { PreparedCommit } from './commit.ts'
import type { Call, Driver, ReadRequest, Scan, WriteResult } from '../driver-kit/driver.ts'
import { LibkvError, isLibkvError } from '../contract/errors.ts'
import type { KVPair } from '../contract/key-value-pair.ts'
import { Pair } from '../contract/key-value-pair.ts'
import { canonicalDirectory, canonicalKey } from '../contract/keys.ts'
import { callRules, lockRules, readRules, sessionRules, writeRules } from '../options/call-rules.ts'
import { asyncDispose } from '../calls/dispose.ts'
import { wrongType } from '../options/option-rules.ts'
import type { Version } from '../contract/version.ts'
import { Keyspace } from './keyspace.ts'
import { Lock } from '../locks/lock.ts'
import type { Operation, TransactionResult } from '../contract/operations.ts'
import { resolveOptions } from '../options/options.ts'
import type { ResolvedOptions, StoreOptions } from '../options/options.ts'
import type { CallOptions, ReadOptions } from '../contract/call-options.ts'
import type { Capabilities } from '../contract/capabilities.ts'
import type { Locker, LockOptions } from '../contract/lock.ts'
import type { Session, SessionOptions, WriteOptions } from '../contract/session.ts'
import type { Store, TreeSnapshot } from '../contract/store.ts'
import type { Ttl } from '../contract/ttl.ts'
import type { Value } from '../contract/values.ts'
import { SessionKeeper } from '../sessions/session-keeper.ts'
import { bytesOf } from '../contract/values.ts'
import { settleWithin } from '../calls/settle-within.ts'
import { KeyWatch } from '../watches/watch-key.ts'
import { TreeWatch } from '../watches/watch-tree.ts'

/** The take-over time of sessions and locks that name none, in milliseconds. */
const DEFAULT_SESSION_TTL = 20_000

/**
 * Makes a store of a driver. This is what a backend's factory returns.
 *
 * @throws LibkvError `INVALID_OPTION`, `INVALID_KEY`.
 */
export function openStore(driver: Driver, options: StoreOptions = {}): Store {
  return new KvStore(driver, resolveOptions(options, driver.backend))
}

/** The only implementation of {@link Store}: everything that is the same on all backends, over a {@link Driver}. */
class KvStore implements Store {
  readonly backend: string
  readonly capabilities: Capabilities
  readonly #driver: Driver
  readonly #options: ResolvedOptions
  readonly #keyspace: Keyspace
  readonly #calls: Calls
  readonly #watches = new Set<{ end(): void }>()
  readonly #sessions: SessionKeeper
  #closing: Promise<void> | undefined

  constructor(driver: Driver, options: ResolvedOptions) {
    this.backend = driver.backend
    this.capabilities = driver.capabilities
    this.#driver = driver
    this.#options = options
    this.#keyspace = new Keyspace(options.namespace)
    this.#calls = new Calls(driver, options)
    this.#sessions = new SessionKeeper(driver, this.#calls, options)
  }

  get(key: string, options?: ReadOptions): Promise<KVPair | null> {
    return atCaller(async () => {
      const name = this.#key('get', key)
      this.#calls.check(options, readRules, { operation: 'get', key: name })
      const request = { consistency: consistencyOf(options), fields: 'all' } as const
      const entry = await this.#read('get', name, options, (call) =>
        this.#driver.read(this.#keyspace.full(name), request, call),
      )
      return entry === null ? null : new Pair({ ...entry, key: name })
    })
  }

  exists(key: string, options?: ReadOptions): Promise<boolean> {
    return atCaller(async () => {
      const name = this.#key('exists', key)
      this.#calls.check(options, readRules, { operation: 'exists', key: name })
      const request = { consistency: consistencyOf(options), fields: 'revisions' } as const
      const entry = await this.#read('exists', name, options, (call) =>
        this.#driver.read(this.#keyspace.full(name), request, call),
      )
      return entry !== null
    })
  }

  list(directory: string, options?: ReadOptions): Promise<KVPair[]> {
    return atCaller(async () => {
      const { entries } = await this.#scan('list', directory, 'all', options)
      const pairs: KVPair[] = []
      for (const entry of entries) {
        if (this.#keyspace.shows(entry.key)) pairs.push(this.#keyspace.pair(entry))
      }
      return pairs
    })
  }

  keys(directory: string, options?: ReadOptions): Promise<string[]> {
    return atCaller(async () => {
      const { entries } = await this.#scan('keys', directory, 'keys', options)
      const keys: string[] = []
      for (const { key } of entries)
        if (this.#keyspace.shows(key)) keys.push(this.#keyspace.strip(key))
      return keys
    })
  }

  put(key: string, value: Value, options?: WriteOptions): Promise<KVPair> {
    return atCaller(async () => {
      const name = this.#key('put', key)
      this.#calls.check(options, writeRules, { operation: 'put', key: name })
      const { results } = await this.#commit('put', name, options, (commit) => {
        commit.put(name, value, options)
      })
      return results[0] as KVPair
    })
  }

  delete(key: string, options?: CallOptions): Promise<boolean> {
    return atCaller(async () => {
      const name = this.#key('delete', key)
      this.#calls.check(options, callRules, { operation: 'delete', key: name })
      const { writes } = await this.#commit('delete', name, options, (commit) => {
        commit.remove(name)
      })
      return writes[0]?.existed ?? false
    })
  }

  deleteTree(directory: string, options?: CallOptions): Promise<number> {
    return atCaller(async () => {
      const name = this.#directory('deleteTree', directory)
      this.#calls.check(options, callRules, { operation: 'deleteTree', key: name })
      const description = { operation: 'deleteTree', key: name, repeatable: false }
      return this.#calls.run(description, options, (call) =>
        this.#driver.removeTree(this.#keyspace.prefix(name), this.#keyspace.ranges(name), call),
      )
    })
  }

  atomicPut(
    key: string,
    value: Value,
    previous: Version | null,
    options?: WriteOptions,
  ): Promise<KVPair> {
    return atCaller(async () => {
      const name = this.#key('atomicPut', key)
      this.#calls.check(options, writeRules, { operation: 'atomicPut', key: name })
      const { results } = await this.#commit('atomicPut', name, options, (commit) => {
        commit.check(name, previous)
        commit.put(name, value, options)
      })
      return results[1] as KVPair
    })
  }

  atomicDelete(key: string, previous: Version, options?: CallOptions): Promise<void> {
    return atCaller(async () => {
      const name = this.#key('atomicDelete', key)
      this.#calls.check(options, callRules, { operation: 'atomicDelete', key: name })
      if ((previous as Version | null) === null) {
        throw wrongType('previous', 'the version to delete', previous)
      }
      await this.#commit('atomicDelete', name, options, (commit) => {
        commit.check(name, previous)
        commit.remove(name)
      })
    })
  }

  transaction(operations: readonly Operation[], options?: CallOptions): Promise<TransactionResult> {
    return atCaller(async () => {
      this.#calls.check(options, callRules, { operation: 'transaction' })
      if (!this.capabilities.transactions) {
        throw new LibkvError(
          'NOT_SUPPORTED',
          `${this.backend} has no transactions over several keys`,
          {
            backend: this.backend,
          },
        )
      }
      const { revision, results } = await this.#commit(
        'transaction',
        undefined,
        options,
        (commit) => {
          commit.addOperations(operations)
        },
      )
      return { revision, results }
    })
  }

  watch(key: string, options?: CallOptions): AsyncIterable<KVPair | null> {
    const name = this.#key('watch', key)
    this.#calls.check(options, callRules, { operation: 'watch', key: name })
    this.#refuseWhenClosed('watch', name)
    return {
      [Symbol.asyncIterator]: () => {
        this.#refuseWhenClosed('watch', name)
        const watch = new KeyWatch(this.#watchContext, this.#keyspace, name, options)
        return watch.open({ key: this.#keyspace.full(name) })
      },
    }
  }

  watchTree(directory: string, options?: CallOptions): AsyncIterable<TreeSnapshot> {
    const name = this.#directory('watchTree', directory)
    this.#calls.check(options, callRules, { operation: 'watchTree', key: name })
    this.#refuseWhenClosed('watchTree', name)
    return {
      [Symbol.asyncIterator]: () => {
        this.#refuseWhenClosed('watchTree', name)
        const watch = new TreeWatch(this.#watchContext, this.#keyspace, name, options)
        return watch.open({ prefix: this.#keyspace.prefix(name) })
      },
    }
  }

  session(options?: SessionOptions): Promise<Session> {
    return atCaller(async () => {
      this.#calls.check(options, sessionRules, { operation: 'session' })
      return this.#openSession(options?.ttl ?? DEFAULT_SESSION_TTL, options)
    })
  }

  newLock(key: string, options: LockOptions = {}): Locker {
    const name = this.#key('newLock', key)
    this.#calls.check(options, lockRules, { operation: 'newLock', key: name })
    const { runtime } = this.#options
    const resolved = this.#explaining('newLock', name, () => {
      const { ttl, session, value = '' } = options
      if (session !== undefined && ttl !== undefined) {
        throw this.#invalid('a lock takes a ttl or a session, not both')
      }
      return {
        value: bytesOf(value, name, this.backend),
        ttl: this.#sessions.checkedTtl(ttl ?? DEFAULT_SESSION_TTL),
        session: session === undefined ? undefined : this.#sessions.own(session),
      }
    })
    return new Lock(
      {
        backend: this.backend,
        driver: this.#driver,
        calls: this.#calls,
        keyspace: this.#keyspace,
        runtime,
        openSession: (ttl) => this.#openSession(ttl, undefined),
        inBackground: (work) => {
          this.#sessions.afterwards(work)
        },
      },
      name,
      resolved,
    )
  }

  ready(options?: CallOptions): Promise<void> {
    return atCaller(async () => {
      this.#calls.check(options, callRules, { operation: 'ready' })
      const timeout = options?.timeout ?? this.#options.connectionTimeout
      const overdue = options?.timeout === undefined ? 'NOT_REACHABLE' : 'TIMEOUT'
      await this.#calls.run(
        { operation: 'ready', repeatable: true, overdue },
        { timeout, signal: options?.signal },
        (call) => this.#driver.ping(call),
      )
    })
  }

  close(): Promise<void> {
    return (this.#closing ??= this.#close())
  }

  [asyncDispose](): Promise<void> {
    return this.close()
  }

  async #close(): Promise<void> {
    this.#calls.close()
    for (const watch of this.#watches) watch.end()
    // What the server cannot be told in time goes with the sessions' own deadlines.
    const { runtime, connectionTimeout } = this.#options
    await settleWithin(runtime, connectionTimeout, this.#sessions.close())
    this.#calls.rejectAll()
    await this.#driver.close()
    // The driver's end may have failed a request that closes a session, which would be repeated.
    this.#calls.rejectAll()
  }

  #read<T>(
    operation: string,
    key: string,
    options: CallOptions | undefined,
    attempt: (call: Call) => Promise<T>,
  ): Promise<T> {
    return this.#calls.run({ operation, key, repeatable: true }, options, attempt)
  }

  #scan(
    operation: string,
    directory: string,
    fields: ReadRequest['fields'],
    options: ReadOptions | undefined,
  ): Promise<Scan> {
    const name = this.#directory(operation, directory)
    this.#calls.check(options, readRules, { operation, key: name })
    const request = { consistency: consistencyOf(options), fields }
    return this.#read(operation, name, options, (call) =>
      this.#driver.scan(this.#keyspace.prefix(name), request, call),
    )
  }

  #commit(
    operation: string,
    key: string | undefined,
    options: CallOptions | undefined,
    prepare: (commit: PreparedCommit) => void,
  ): Promise<TransactionResult & { readonly writes: readonly WriteResult[] }> {
    const commit = new PreparedCommit({
      operation,
      backend: this.backend,
      keyspace: this.#keyspace,
      sessions: this.#sessions,
    })
    this.#explaining(operation, key, () => {
      prepare(commit)
    })
    return this.#calls.run({ operation, key, repeatable: false }, options, async (call) => {
      try {
        const outcome = await this.#driver.commit(commit.checks, commit.writes, call)
        if (!outcome.committed) throw commit.conflict(outcome)
        const { revision, results } = outcome
        return { revision, results: commit.pairs(outcome), writes: results }
      } catch (error) {
        // The server knows better than the session's own clock.
        const [session] = commit.sessions
        if (commit.sessions.length === 1 && isLibkvError(error, 'SESSION_EXPIRED'))
          session?.expire()
        throw error
      }
    })
  }

  async #openSession(ttl: Ttl, options: CallOptions | undefined): Promise<ClientSession> {
    const checked = this.#explaining('session', undefined, () => this.#sessions.checkedTtl(ttl))
    return this.#sessions.open(checked, options)
  }

  get #watchContext(): ConstructorParameters<typeof KeyWatch>[0] {
    return {
      driver: this.#driver,
      calls: this.#calls,
      runtime: this.#options.runtime,
      watches: this.#watches,
    }
  }

  #key(operation: string, key: string): string {
    return this.#explaining(operation, undefined, () => canonicalKey(key))
  }

  #directory(operation: string, directory: string): string {
    return this.#explaining(operation, undefined, () => canonicalDirectory(directory))
  }

  /** Runs a check whose error is to name what was called. */
  #explaining<T>(operation: string, key: string | undefined, check: () => T): T {
    try {
      return check()
    } catch (error) {
      throw isLibkvError(error) ? this.#calls.explain(error, { operation, key }) : error
    }
  }

  #refuseWhenClosed(operation: string, key: string): void {
    if (this.#calls.closed) throw this.#calls.closedError({ operation, key })
  }

  #invalid(message: string): LibkvError {
    return new LibkvError('INVALID_OPTION', message, { backend: this.backend })
  }
}

const consistencyOf = (options: ReadOptions | undefined): 'linearizable' | 'stale' =>
  options?.consistency ?? 'linearizable'
