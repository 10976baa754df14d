import { LinkedSignal, orAbort, pause } from './abort.ts'
import { backoff } from './backoff.ts'
import type { ClientSession } from './client-session.ts'
import type { Check, CommitOutcome, Entry, Observation, Write } from './driver.ts'
import { LibkvError, isLibkvError } from './errors.ts'
import type { LockContext, ResolvedLockOptions } from './locker.ts'
import type { CallOptions } from './store.ts'

/** Whoever waits for a lock: a key of its own under the lock's directory, bound to a session. */
export class Contender {
  /** The lock's key, as the user spells it. */
  readonly key: string
  readonly session: ClientSession
  /** What the visible key shows while this contender holds the lock, and its own key always. */
  readonly value: Uint8Array
  /** Whether the session was opened for this contender alone, and goes with it. */
  readonly ownsSession: boolean
  readonly #context: LockContext
  readonly #directory: string
  readonly #path: string
  #createRevision = 0n
  #taking = false

  private constructor(
    context: LockContext,
    key: string,
    { session, value }: ResolvedLockOptions,
    opened: ClientSession,
  ) {
    this.#context = context
    this.key = key
    this.value = value
    this.session = opened
    this.ownsSession = session === undefined
    this.#directory = directoryOf(context, key)
    this.#path = this.#directory + context.runtime.uuid()
  }

  /** Whether anybody holds the lock or waits for it. */
  static async anyFor(context: LockContext, key: string, options: CallOptions): Promise<boolean> {
    const entries = await scan(context, key, directoryOf(context, key), options)
    return entries.length > 0
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
      context.afterwards(contender.leave())
      throw error
    }
  }

  /** The fencing token: when its key was created. */
  get token(): bigint {
    return this.#createRevision
  }

  /** The condition that it is still in line. */
  get inLine(): Check {
    const revision = this.#createRevision
    return { key: this.#path, expected: { revision, createRevision: revision } }
  }

  get visibleKey(): string {
    return this.#context.keyspace.full(this.key)
  }

  /** What takes it out of the line. */
  get exit(): Write {
    return { type: 'delete', key: this.#path }
  }

  /**
   * The contender just ahead; `null` when it is this one's turn.
   *
   * @throws LibkvError `SESSION_EXPIRED` when this contender is not in line any more.
   */
  async ahead(options: CallOptions): Promise<Entry | null> {
    const entries = await scan(this.#context, this.key, this.#directory, options)
    if (!entries.some(({ key }) => key === this.#path)) throw this.#gone()
    let ahead: Entry | null = null
    for (const entry of entries) {
      if (entry.createRevision >= this.#createRevision) continue
      if (ahead === null || entry.createRevision > ahead.createRevision) ahead = entry
    }
    return ahead
  }

  /** Resolves when nobody is ahead. Outages are waited out for as long as the session lives. */
  async waitForTurn(signal: AbortSignal): Promise<void> {
    using either = new LinkedSignal(signal, this.session.signal)
    for (let failures = 0; ; failures++) {
      try {
        const ahead = await this.ahead({ signal: either.signal })
        if (ahead === null) return
        await this.#isGone(ahead, either.signal)
        failures = 0
      } catch (error) {
        if (signal.aborted) throw error
        if (!this.session.isAlive()) throw this.#gone()
        if (!isLibkvError(error) || !error.retryable) throw error
        await this.#pause(failures, either.signal)
      }
    }
  }

  /** Shows its value, on the condition that it is still in line; `undefined` when it is not. */
  async take(
    options: CallOptions,
  ): Promise<{ revision: bigint; createRevision: bigint } | undefined> {
    this.#taking = true
    const { visibleKey: key, value } = this
    const put: Write = { type: 'put', key, value, session: this.session.driverSession }
    // To repeat it is safe: as long as the condition holds, nobody else can hold the lock.
    const outcome = await this.#commit([this.inLine], [put], options)
    if (!outcome.committed) return undefined
    const { revision, results } = outcome
    return { revision, createRevision: results[0]?.createRevision ?? revision }
  }

  /** Gets out of line, and takes back what may have been shown. */
  async leave(): Promise<void> {
    if (this.ownsSession) return this.session.close()
    const hide: Write = { type: 'delete', key: this.visibleKey }
    await this.untilGone((signal) =>
      this.#taking
        ? this.#commit([this.inLine], [hide, this.exit], { signal }, true)
        : this.#commit([], [this.exit], { signal }, true),
    )
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

  async #enter(): Promise<void> {
    const { value } = this
    const absent = { key: this.#path, expected: null }
    const put: Write = { type: 'put', key: this.#path, value, session: this.session.driverSession }
    // Nobody else uses this key: to find it there means that an answer was lost, so to repeat is safe.
    const outcome = await this.#commit([absent], [put], {})
    if (outcome.committed) {
      this.#createRevision = outcome.revision
      return
    }
    const entries = await scan(this.#context, this.key, this.#directory, {})
    const own = entries.find(({ key }) => key === this.#path)
    if (own === undefined) throw this.#gone()
    this.#createRevision = own.createRevision
  }

  #commit(
    checks: readonly Check[],
    writes: readonly Write[],
    options: CallOptions,
    whileClosing = false,
  ): Promise<CommitOutcome> {
    return this.#context.calls.run(
      { operation: 'lock', key: this.key, repeatable: true, whileClosing },
      options,
      (call) => this.#context.driver.commit(checks, writes, call),
    )
  }

  async #isGone(ahead: Entry, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    let observation: Observation | undefined
    const gone = new Promise<void>((resolve, reject) => {
      observation = this.#context.driver.observe(
        { key: ahead.key },
        {
          snapshot: (entries) => {
            if (entries[0]?.createRevision !== ahead.createRevision) resolve()
          },
          changes: (changes) => {
            if (changes.some(({ type }) => type === 'delete')) resolve()
          },
          fail: reject,
        },
      )
    })
    try {
      await orAbort(gone, signal)
    } finally {
      observation?.close()
    }
  }

  /** Lets a moment go by before the next try, which then finds out whether the signal fired. */
  async #pause(failures: number, signal: AbortSignal): Promise<void> {
    const { runtime } = this.#context
    await pause(runtime, backoff(runtime, failures), signal).catch(() => undefined)
  }

  #gone(): LibkvError {
    const error = new LibkvError('SESSION_EXPIRED', 'the place in the line is lost')
    return this.#context.calls.explain(error, { operation: 'lock', key: this.key })
  }
}

/** Where the contenders of a lock are: the key is one segment, so that the lines of `a` and `a/b` do not meet. */
function directoryOf(context: LockContext, key: string): string {
  const segment = key.replaceAll('%', '%25').replaceAll('/', '%2F')
  return context.keyspace.reserved(`lock/${segment}/`)
}

async function scan(
  context: LockContext,
  key: string,
  directory: string,
  options: CallOptions,
): Promise<readonly Entry[]> {
  const request = { consistency: 'linearizable', values: false } as const
  const { entries } = await context.calls.run(
    { operation: 'lock', key, repeatable: true },
    options,
    (call) => context.driver.scan(directory, request, call),
  )
  return entries
}
