import { EventEmitter } from 'node:events'
import { LibkvError, bytesOf, isLibkvError } from '@libkv/core'
import {
  LinkedAbortController,
  abortSignal,
  anything,
  asyncDispose,
  backoff,
  callback,
  checkOptions,
  onAbort,
  sleep,
  runtimeRule,
  systemRuntime,
  text,
  throwIfAborted,
  ttlRule,
  wrongType,
} from '@libkv/core/recipe'
import type { HeldLock, Locker, LockContender, Runtime, Store, Ttl, Value } from '@libkv/core'
import type { OptionRules } from '@libkv/core/recipe'
import { Health } from './health.ts'
import type { HealthOptions } from './health.ts'
import { encode, infoOf } from './leader.ts'
import { HeldTerm } from './term.ts'
import type { Term } from './term.ts'

/** What a {@link Candidate} takes. */
export interface CandidateOptions {
  /**
   * What the others call it. No two candidates of one election should have the same.
   *
   * @default a UUID
   */
  readonly id?: string | undefined
  /**
   * The take-over time, in milliseconds: how long the others wait when the leader has crashed. Bounds:
   * `store.capabilities.ttl`.
   *
   * @default 20_000
   */
  readonly ttl?: Ttl | undefined
  /**
   * What followers see of it beside its id, such as its address.
   *
   * @default ''
   */
  readonly value?: Value | undefined
  /**
   * Whether it is fit to lead.
   *
   * @default always
   */
  readonly health?: HealthOptions | undefined
  /** Clock, timers and chance, for tests. */
  readonly runtime?: Runtime | undefined
}

/** What `campaign()` and `run()` take. */
export interface CampaignOptions {
  readonly signal?: AbortSignal | undefined
}

/** The events of a {@link Candidate}. */
export interface CandidateEvents {
  /** It leads. */
  elected: [term: Term]
  /** It has given the leadership back: by `resign()`, `transferTo()` or `stop()`, or because the work is done or it is unfit. */
  resigned: [term: Term]
  /** The leadership was lost; the reason is a `LOCK_LOST`. */
  lost: [term: Term, reason: LibkvError]
  /** Something failed that is tried again, or a health check. Nobody has to listen. */
  error: [error: unknown]
}

/**
 * Stands for election, and leads when it is its turn: first come, first served; who resigns goes to the end of the queue.
 *
 * @example
 * await using candidate = new Candidate(kv, 'scheduler/leader', { id: hostname() })
 * await candidate.run(async (term) => {
 *   for await (const job of jobs(term.signal)) await term.fenced.put(`jobs/${job.id}`, await job.run())
 * })
 */
export class Candidate extends EventEmitter<CandidateEvents> implements AsyncDisposable {
  readonly id: string
  /** The election's key. */
  readonly key: string
  readonly #store: Store
  readonly #runtime: Runtime
  readonly #locker: Locker
  readonly #health: Health | undefined
  readonly #stopping = new AbortController()
  #isBusy = false
  #election: Promise<unknown> | undefined
  #term: HeldTerm | undefined

  /** @throws LibkvError `INVALID_KEY`, `INVALID_OPTION`, `VALUE_TOO_LARGE`. */
  constructor(store: Store, key: string, options: CandidateOptions = {}) {
    super()
    checkOptions(options, candidateRules, { backend: store.backend })
    const { runtime = systemRuntime, id = runtime.uuid(), ttl, value = '', health } = options
    this.id = id
    this.#store = store
    this.#runtime = runtime
    this.#locker = store.newLock(key, {
      ttl,
      value: encode(id, bytesOf(value, key, store.backend)),
    })
    this.key = this.#locker.key
    this.#health = health && new Health(health, runtime, this.#report)
  }

  /** Whether this candidate certainly leads. It looks at the clock. */
  isLeader(): boolean {
    return this.#term?.isCurrent() ?? false
  }

  /** The term in which it leads; undefined when it does not. */
  get term(): Term | undefined {
    return this.isLeader() ? this.#term : undefined
  }

  /** The fencing token of the term in which it leads. */
  get token(): bigint | undefined {
    return this.term?.token
  }

  /**
   * Campaigns again and again, and does the work whenever it leads. The work is to end when `term.signal` fires; it is waited
   * for, so that it is never done twice at a time in this process. When it ends earlier, the leadership is given back.
   *
   * Resolves when `signal` fires, once the work has ended and the leadership is given back, and when the candidate was
   * stopped. Outages are waited out. Work that returns at once is called again after a pause that grows to five seconds.
   *
   * @param options - `signal` is the way to end it, such as on SIGTERM: it ends the work by the term's signal.
   * @throws what the work throws, other than in consequence of the end of its term; LibkvError
   * `ACCESS_DENIED`, `CLOSED` and the like, which do not heal. TypeError when it campaigns or leads already.
   */
  async run(
    work: (term: Term) => Promise<void> | void,
    options: CampaignOptions = {},
  ): Promise<void> {
    callback.check(work, 'work')
    const { signal } = this.#checked(options)
    await this.#exclusively(async () => {
      const either = new LinkedAbortController(signal, this.#stopping.signal)
      try {
        for (let briefTerms = 0; ;) {
          const term = await this.#elect(either.signal)
          const start = this.#runtime.now()
          await this.#work(term, work, signal)
          const isBrief = this.#runtime.now() - start < BRIEF_TERM
          briefTerms = isBrief ? briefTerms + 1 : 0
          await sleep(this.#runtime, backoff(this.#runtime, briefTerms, 20, 5_000), either.signal)
        }
      } catch (error) {
        const isStopped = either.signal.aborted && error === either.signal.reason
        if (!isStopped) throw error
      } finally {
        either.close()
      }
    })
  }

  /**
   * Campaigns until it leads. Outages are waited out. Whoever calls it sees to what is to be done in the term, and campaigns
   * again when that is over.
   *
   * @throws the reason of `signal`; LibkvError `CLOSED` when the candidate was stopped; `ACCESS_DENIED` and the like, which do
   * not heal. TypeError when it campaigns or leads already.
   */
  async campaign(options: CampaignOptions = {}): Promise<Term> {
    const { signal } = this.#checked(options)
    return this.#exclusively(async () => {
      const either = new LinkedAbortController(signal, this.#stopping.signal)
      try {
        return await this.#elect(either.signal)
      } finally {
        either.close()
      }
    })
  }

  /**
   * Gives the leadership back at once, to the next candidate in the queue; the work is told, and not waited for. `run()` then
   * campaigns again, at the end of the queue. Without leadership it does nothing.
   *
   * @throws LibkvError `NOT_REACHABLE` and the like when no server could be told. The leadership is over all the same, and free
   * for the next one after `ttl` at the latest.
   */
  async resign(): Promise<void> {
    if (this.#term !== undefined) await this.#giveBack(this.#term)
  }

  /**
   * Gives the leadership to that candidate, whatever its place in the queue; otherwise as `resign()`.
   *
   * @throws LibkvError `KEY_NOT_FOUND` when it is not in the queue, and `LOCK_LOST` when this candidate does not lead; then nothing
   * has changed.
   */
  async transferTo(id: string): Promise<void> {
    if (typeof id !== 'string') throw wrongType('the id of a candidate', 'a string', id)
    const contenders = await this.#locker.contenders()
    const term = this.#term
    if (term?.isCurrent() !== true) {
      throw this.#error('LOCK_LOST', 'only the leader can transfer the leadership')
    }
    if (id === this.id) return
    const successor = contenders.find((contender) => infoOf(contender).id === id)
    if (successor === undefined) throw this.#error('KEY_NOT_FOUND', `'${id}' is not in the queue`)
    await this.#giveBack(term, successor)
  }

  /**
   * Ends the candidacy for good, whatever it is doing: it leaves the queue, or resigns. Idempotent.
   *
   * @throws as {@link Candidate.resign}.
   */
  async stop(): Promise<void> {
    this.#stopping.abort(this.#error('CLOSED', 'the candidate was stopped'))
    // Who is not the leader by now will not become it any more.
    await Promise.all([this.resign(), this.#election?.catch(() => undefined)])
  }

  [asyncDispose](): Promise<void> {
    return this.stop()
  }

  #checked(options: CampaignOptions): CampaignOptions {
    checkOptions(options, campaignRules, { backend: this.#store.backend })
    return options
  }

  async #exclusively<T>(campaigning: () => Promise<T>): Promise<T> {
    if (this.#isBusy || this.isLeader()) {
      throw new TypeError(`candidate '${this.id}' campaigns or leads already`)
    }
    this.#isBusy = true
    try {
      return await campaigning()
    } finally {
      this.#isBusy = false
    }
  }

  async #work(
    term: HeldTerm,
    work: (term: Term) => Promise<void> | void,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    const end = (): void => {
      term.end(signal?.reason)
    }
    const withdraw = signal && onAbort(signal, end)
    if (signal?.aborted === true) end()
    try {
      await work(term)
    } catch (error) {
      if (term.isCurrent()) throw error
      if (error !== term.signal.reason) this.#report(error)
    } finally {
      withdraw?.()
      await this.#giveBack(term).catch(this.#report)
    }
  }

  #elect(signal: AbortSignal): Promise<HeldTerm> {
    const election = this.#campaign(signal)
    this.#election = election
    return election
  }

  async #campaign(signal: AbortSignal): Promise<HeldTerm> {
    for (let failures = 0; ; failures++) {
      try {
        await this.#health?.whenFit(signal)
        const term = await this.#stand(signal)
        if (term !== null) return term
      } catch (error) {
        throwIfAborted(signal)
        if (!heals(error)) throw error
        this.#report(error)
      }
      await sleep(this.#runtime, backoff(this.#runtime, failures, 20, 1_000), signal)
    }
  }

  /** Waits in the queue until it leads; `null` when it was found to be unfit. */
  async #stand(signal: AbortSignal): Promise<HeldTerm | null> {
    const attempt = new LinkedAbortController(signal)
    this.#health?.onceUnfit(attempt.signal, () => {
      attempt.abort(UNFIT)
    })
    try {
      const held = await this.#locker.lock({ signal: attempt.signal })
      if (!attempt.signal.aborted) return this.#lead(held)
      // It gave up just as it was elected.
      await held.unlock().catch(this.#report)
      throw attempt.signal.reason
    } catch (error) {
      if (error === UNFIT) return null
      throw error
    } finally {
      attempt.abort(DONE)
      attempt.close()
    }
  }

  #lead(held: HeldLock): HeldTerm {
    const term = new HeldTerm(this.#store, this.id, held)
    this.#term = term
    this.#tell('elected', term)
    const { signal } = held
    const over = (): void => {
      const reason: unknown = signal.reason
      if (!isLibkvError(reason, 'LOCK_LOST')) return
      if (this.#term === term) this.#term = undefined
      this.#tell('lost', term, reason)
    }
    if (signal.aborted) over()
    else onAbort(signal, over)
    this.#health?.onceUnfit(signal, () => {
      this.resign().catch(this.#report)
    })
    return term
  }

  async #giveBack(term: HeldTerm, successor?: LockContender): Promise<void> {
    const { held } = term
    const isHeld = held.isHeld()
    const unlocking = held.unlock({ successor })
    if (isHeld) this.#tell('resigned', term)
    await unlocking
  }

  readonly #report = (error: unknown): void => {
    if (this.listenerCount('error') > 0) this.#tell('error', error)
  }

  /** A listener that throws is not to disturb the election; it is an uncaught exception, as with `EventTarget`. */
  #tell<K extends keyof CandidateEvents>(event: K, ...args: CandidateEvents[K]): void {
    try {
      ;(this as EventEmitter).emit(event, ...args)
    } catch (error) {
      nextTick(() => {
        throw error
      })
    }
  }

  #error(code: 'CLOSED' | 'KEY_NOT_FOUND' | 'LOCK_LOST', message: string): LibkvError {
    const { backend } = this.#store
    return new LibkvError(code, `election '${this.key}' on ${backend}: ${message}`, {
      backend,
      key: this.key,
    })
  }
}

/** A term that is shorter, in milliseconds, is followed by a longer pause than the one before. */
const BRIEF_TERM = 1_000

const candidateRules: OptionRules<CandidateOptions> = {
  id: text((id, name) => (id === '' ? `${name} is empty; it must name the candidate` : undefined)),
  ttl: ttlRule,
  value: anything,
  health: anything,
  runtime: runtimeRule,
}

const campaignRules: OptionRules<CampaignOptions> = { signal: abortSignal }

// Fake timers replace it later.
const nextTick = process.nextTick.bind(process)

/** Why a candidate leaves the queue. */
const UNFIT = new Error('unfit to lead')
const DONE = new Error('elected')

/** Whether to try again may help. */
const heals = (error: unknown): boolean =>
  isLibkvError(error) &&
  (error.retryable || error.code === 'BACKEND_ERROR' || error.code === 'SESSION_EXPIRED')
