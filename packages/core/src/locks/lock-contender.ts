import { TextEncoder } from 'node:util'
import { LinkedAbortController, abortable, sleep, throwIfAborted } from '../calls/abort.ts'
import { backoff } from '../calls/backoff.ts'
import type { ClientSession } from '../sessions/client-session.ts'
import type { Check, CommitOutcome, Entry, Observation, Write } from '../driver-kit/driver.ts'
import { LibkvError, isLibkvError } from '../contract/errors.ts'
import { Pair } from '../contract/key-value-pair.ts'
import type { KVPair } from '../contract/key-value-pair.ts'
import { directoryOf, LockLine, namingKey } from './lock-line.ts'
import type { LockContext } from './lock-context.ts'
import type { ResolvedLockOptions } from './resolved-lock-options.ts'
import type { CallOptions } from '../contract/call-options.ts'

/** Whoever waits for a lock or holds it: a key of its own in the lock's directory, bound to a session. */
export class Contender {
  readonly id: string
  /** The lock's key, as the user spells it. */
  readonly key: string
  readonly session: ClientSession
  /** Whether the session was opened for this contender alone, and goes with it. */
  readonly ownsSession: boolean
  /** What the lock's key shows while this contender holds the lock, and its own key always. */
  readonly #value: Uint8Array
  readonly #context: LockContext
  readonly #directory: string
  #createRevision = 0n
  #revision = 0n
  /** Those ahead, in the order of their turns, as last seen; undefined when it has to look anew. */
  #ahead: readonly Entry[] | undefined
  /** The key that names a successor, as last seen. */
  #naming: Entry | null = null
  #isNamed = false
  /** Whether the lock may have been taken without its being known. */
  #mayHold = false

  private constructor(
    context: LockContext,
    key: string,
    { session, value }: ResolvedLockOptions,
    opened: ClientSession,
  ) {
    this.#context = context
    this.#value = value
    this.#directory = directoryOf(context, key)
    this.id = context.runtime.uuid()
    this.key = key
    this.session = opened
    this.ownsSession = session === undefined
  }

  /** Gets in line. */
  static async enter(
    context: LockContext,
    key: string,
    options: ResolvedLockOptions,
  ): Promise<Contender> {
    const session = options.session ?? (await context.openSession(options.ttl))
    const contender = new Contender(context, key, options, session)
    try {
      await contender.#enter()
      return contender
    } catch (error) {
      context.inBackground(contender.leave())
      throw error
    }
  }

  /** The lock's key, as the driver spells it. */
  get visibleKey(): string {
    return this.#context.keyspace.full(this.key)
  }

  /** Takes the lock if it is this one's turn, else `null`. */
  async tryTake(options: CallOptions): Promise<KVPair | null> {
    while ((await this.#look(options)) === null) {
      const pair = await this.#take(options)
      if (pair !== null) return pair
    }
    return null
  }

  /**
   * Waits for its turn and takes the lock. Outages are waited out for as long as the session lives.
   *
   * @throws LibkvError `SESSION_EXPIRED` when this contender is not in line any more.
   */
  async take(signal: AbortSignal): Promise<KVPair> {
    const either = new LinkedAbortController(signal, this.session.signal)
    try {
      return await this.#takeWhile(signal, either.signal)
    } finally {
      either.close()
    }
  }

  async #takeWhile(signal: AbortSignal, either: AbortSignal): Promise<KVPair> {
    const options = { signal: either }
    for (let failures = 0; ; failures++) {
      try {
        for (; ; failures = 0) {
          const ahead = await this.#look(options)
          const pair = ahead === null ? await this.#take(options) : null
          if (pair !== null) return pair
          if (ahead !== null) await this.#leaves(ahead, either)
        }
      } catch (error) {
        if (signal.aborted) throw error
        if (!this.session.isAlive()) throw this.#gone()
        if (!isLibkvError(error) || !error.retryable) throw error
        await this.#pause(failures, either)
      }
    }
  }

  /** Gets out of line, and takes back what may have been shown. */
  async leave(): Promise<void> {
    try {
      if (this.goesWithSession) return
      await this.untilGone(async (signal) => {
        await this.withdraw(this.#mayHold ? await this.#leftover({ signal }) : null, { signal })
      })
    } finally {
      if (this.ownsSession) await this.session.close()
    }
  }

  /** Tries to take away what goes with the session, until that succeeds or the session has gone. */
  async untilGone(remove: (signal: AbortSignal) => Promise<unknown>): Promise<void> {
    const { session } = this
    for (let failures = 0; session.isAlive(); failures++) {
      try {
        await remove(session.signal)
        return
      } catch (error) {
        if (!isLibkvError(error) || !error.retryable) throw error
        await this.#pause(failures, session.signal)
      }
    }
  }

  /** Whether to close its session is all it takes to leave. */
  get goesWithSession(): boolean {
    return this.ownsSession && !this.#isNamed
  }

  /** Takes its keys away: its place, and on the condition that they are still its own what it shows and what names it. */
  async withdraw(shown: Check['expected'], options: CallOptions): Promise<void> {
    const own: { readonly check: Check; readonly write: Write }[] = []
    const ownIf = (key: string, expected: Check['expected']): void => {
      if (expected !== null) own.push({ check: { key, expected }, write: { type: 'delete', key } })
    }
    ownIf(this.visibleKey, shown)
    if (this.#isNamed) ownIf(namingKey(this.#directory), this.#naming)
    for (;;) {
      const checks = own.map(({ check }) => check)
      const writes = [this.#exit, ...own.map(({ write }) => write)]
      const outcome = await this.#commit('unlock', checks, writes, options)
      if (outcome.committed) return
      own.splice(outcome.failed, 1)
    }
  }

  /**
   * Leaves as the holder and names who is next, whatever the place of that one: what its predecessor's key shows is written
   * anew, in place, which wakes it. Without effect, and false, unless that one is in line and not next anyway.
   */
  async handOver(
    successor: string,
    shown: Check['expected'],
    options: CallOptions,
  ): Promise<boolean> {
    for (let hides = true; ;) {
      const line = await LockLine.read(this.#context, this.key, true, options)
      const place = line.order.findIndex((entry) => line.idOf(entry) === successor)
      const chosen = line.order[place]
      const before = line.order[place - 1]
      if (chosen === undefined || before === undefined || place === 1) return false
      const { key, value } = before
      const name: Write = {
        type: 'put',
        key: namingKey(this.#directory),
        value: new TextEncoder().encode(successor),
      }
      const wake: Write = { type: 'put', key, value, keepSession: true }
      const hide: Write = { type: 'delete', key: this.visibleKey }
      const checks = [this.#inLine, at(chosen), at(before)]
      const writes = [this.#exit, name, wake]
      if (hides) {
        checks.push({ key: hide.key, expected: shown })
        writes.push(hide)
      }
      const outcome = await this.#commit('unlock', checks, writes, options)
      if (outcome.committed) return true
      if (outcome.failed === 0) return false
      // Somebody else wrote the visible key: it is not ours to delete.
      if (outcome.failed === 3) hides = false
    }
  }

  /** The condition that it is still in line. */
  get #inLine(): Check {
    const expected = { revision: this.#revision, createRevision: this.#createRevision }
    return { key: this.#path, expected }
  }

  get #exit(): Write {
    return { type: 'delete', key: this.#path }
  }

  get #path(): string {
    return this.#directory + this.id
  }

  async #enter(): Promise<void> {
    const absent = { key: this.#path, expected: null }
    // Nobody else uses this key: to find it there means that an answer was lost, so to repeat is safe.
    const outcome = await this.#commit(
      'lock',
      [absent],
      [{ ...this.#show(this.#path), transient: true }],
      {},
    )
    if (outcome.committed) {
      this.#revision = this.#createRevision = outcome.revision
      return
    }
    await this.#look({})
  }

  /** Who is just ahead; `null` when it is this one's turn. */
  async #look(options: CallOptions): Promise<Entry | null> {
    if (this.#ahead === undefined) return this.#lookAtAll(options)
    const keys = await LockLine.keys(this.#context, this.key, options)
    if (!keys.has(this.#path)) throw this.#gone()
    // Who comes gets in line behind, unless it is named.
    if (keys.has(namingKey(this.#directory))) return this.#lookAtAll(options)
    this.#naming = null
    this.#isNamed = false
    this.#ahead = this.#ahead.filter(({ key }) => keys.has(key))
    return this.#ahead.at(-1) ?? null
  }

  async #lookAtAll(options: CallOptions): Promise<Entry | null> {
    const line = await LockLine.read(this.#context, this.key, false, options)
    const place = line.order.findIndex(({ key }) => key === this.#path)
    const own = line.order[place]
    if (own === undefined) throw this.#gone()
    this.#revision = own.revision
    this.#createRevision = own.createRevision
    this.#naming = line.naming
    this.#isNamed = line.named === this.id
    this.#ahead = line.order.slice(0, place)
    return this.#ahead.at(-1) ?? null
  }

  /**
   * Takes the lock in one step, on the condition that this contender is in line, that nobody was named since it has looked,
   * and that nobody shows to hold the lock. `null` when it has to look again.
   */
  async #take(options: CallOptions): Promise<KVPair | null> {
    const { visibleKey } = this
    const naming = { key: namingKey(this.#directory), expected: this.#naming }
    const conditions = [this.#inLine, naming]
    const writes: Write[] = [this.#show(visibleKey)]
    // Who was named has gone.
    if (this.#naming !== null && !this.#isNamed) writes.push({ type: 'delete', key: naming.key })
    for (;;) {
      this.#mayHold = true
      const free = { key: visibleKey, expected: null }
      const outcome = await this.#commit('lock', [...conditions, free], writes, options)
      if (outcome.committed) {
        const { revision } = outcome
        return new Pair(this.key, this.#value, revision, revision)
      }
      if (outcome.failed < conditions.length) {
        this.#ahead = undefined
        return null
      }
      // It is nobody's: written by a stranger, or left by a holder without a place in line, or by this one when an answer was lost.
      const left = await this.#shown(options)
      if (left === null) continue
      const isLeft = { key: visibleKey, expected: left }
      const clear: Write = { type: 'delete', key: visibleKey }
      await this.#commit('lock', [...conditions, isLeft], [clear], options)
    }
  }

  /** What it shows without knowing: an answer was lost, and then it gave up. */
  async #leftover(options: CallOptions): Promise<Check['expected']> {
    try {
      return (await this.#look(options)) === null ? await this.#shown(options) : null
    } catch (error) {
      if (isLibkvError(error, 'SESSION_EXPIRED')) return null
      throw error
    }
  }

  #shown(options: CallOptions): Promise<Entry | null> {
    const request = { consistency: 'linearizable', fields: 'revisions' } as const
    return this.#context.calls.run(
      { operation: 'lock', key: this.key, repeatable: true },
      options,
      (call) => this.#context.driver.read(this.visibleKey, request, call),
    )
  }

  #show(key: string): Write & { type: 'put' } {
    return { type: 'put', key, value: this.#value, session: this.session.driverSession }
  }

  #commit(
    operation: 'lock' | 'unlock',
    checks: readonly Check[],
    writes: readonly Write[],
    options: CallOptions,
  ): Promise<CommitOutcome> {
    const whileClosing = operation === 'unlock'
    return this.#context.calls.run(
      { operation, key: this.key, repeatable: true, whileClosing },
      options,
      (call) => this.#context.driver.commit(checks, writes, call),
    )
  }

  /** Resolves when that contender has left, or when its key was written anew: then the line is to be looked at. */
  async #leaves(ahead: Entry, signal: AbortSignal): Promise<void> {
    throwIfAborted(signal)
    let observation: Observation | undefined
    const left = new Promise<void>((resolve, reject) => {
      const inspect = (entry: Entry | undefined): void => {
        if (entry?.revision === ahead.revision) return
        // Not gone, but written anew.
        if (entry !== undefined) this.#ahead = undefined
        resolve()
      }
      observation = this.#context.driver.observe(
        { key: ahead.key },
        {
          snapshot: (entries) => {
            inspect(entries[0])
          },
          changes: (changes) => {
            for (const change of changes) inspect(change.type === 'put' ? change.entry : undefined)
          },
          // The line is looked at in any case, and tells as much.
          stirred: () => {
            observation?.close()
            resolve()
          },
          fail: reject,
        },
      )
    })
    try {
      await abortable(left, signal)
    } finally {
      observation?.close()
    }
  }

  /** Lets a moment go by before the next try, which then finds out whether the signal fired. */
  async #pause(failures: number, signal: AbortSignal): Promise<void> {
    const { runtime } = this.#context
    await sleep(runtime, backoff(runtime, failures), signal).catch(() => undefined)
  }

  #gone(): LibkvError {
    const error = new LibkvError('SESSION_EXPIRED', 'the place in the line is lost')
    return this.#context.calls.explain(error, { operation: 'lock', key: this.key })
  }
}

const at = (entry: Entry): Check => ({ key: entry.key, expected: entry })
