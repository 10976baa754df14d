import { DetachedCall, backoff, isLibkvError } from '@libkv/core'
import type { Call, Entry, Observation, Observer, Scope, Timer } from '@libkv/core'
import type { ConsulClient } from './consul-client.ts'
import { parseEntries, pathOf, printablePrefix } from './consul-codec.ts'
import { FeedState } from './consul-feed-state.ts'
import type { ResolvedConsulOptions } from './consul-options.ts'
import type { AccessCheck } from './consul-watch.ts'

/**
 * How long a blocking query waits, in milliseconds. The server adds up to a sixteenth. A query that is cancelled goes on
 * counting against the server's limit of connections for as long, so it is short.
 */
const WAIT = 10_000
/** How much later than that an answer may come, before the agent is taken to hang. */
const LATENESS = 3_000
/** How often a feed asks that has no connection to wait on. */
const POLL = 500
/** What is absent wakes at every write in the whole store: then it pauses up to this long between two queries. */
const LONGEST_PAUSE = 100

interface Surroundings {
  readonly access: AccessCheck
  /** Whether the feed may occupy a connection with a blocking query from now on. */
  readonly takeSlot: () => boolean
  readonly giveSlot: () => void
  readonly ended: () => void
}

/**
 * The changes of one scope, for all who watch it: one blocking query after the other. All reads are consistent ones, so
 * that a leader that was deposed does not show what is past.
 */
export class ConsulFeed {
  readonly #client: ConsulClient
  readonly #options: ResolvedConsulOptions
  readonly #scope: Scope
  readonly #around: Surroundings
  /** Who watches, and whether they have been told a state to which changes can be told. */
  readonly #observers = new Map<Observer, 'new' | 'informed'>()
  /** Those who have not been told the state yet; it must be one that was read after they came. */
  #newcomers: Observer[] = []
  #state: FeedState | undefined
  /** The index to wait beyond; 0 to be answered at once. */
  #index = 0
  /** How many answers were taken. */
  #version = 0
  #failures = 0
  #reading = false
  #hasSlot = false
  #timer: Timer | undefined
  #wake: (() => void) | undefined
  #query: BlockingCall | undefined
  #greeting: DetachedCall | undefined
  ended = false

  constructor(
    client: ConsulClient,
    options: ResolvedConsulOptions,
    scope: Scope,
    around: Surroundings,
  ) {
    this.#client = client
    this.#options = options
    this.#scope = scope
    this.#around = around
    void this.#run()
  }

  attach(observer: Observer): Observation {
    this.#observers.set(observer, 'new')
    this.#newcomers.push(observer)
    this.#query?.hold()
    // The first one is told by the feed's own first query.
    if (this.#state !== undefined) void this.#greet()
    return {
      close: () => {
        this.#observers.delete(observer)
        this.#newcomers = this.#newcomers.filter((newcomer) => newcomer !== observer)
        if (this.#observers.size === 0) this.#linger()
      },
    }
  }

  close(): void {
    this.#end()
    this.#query?.cancel()
  }

  /**
   * Nobody watches any more. A query that waits is left to its end, for the server would go on with it anyway: so no
   * churn of watches makes more of them than there are connections.
   */
  #linger(): void {
    this.#greeting?.cancel()
    if (this.#query === undefined) this.#end()
    else this.#query.release()
  }

  #end(): void {
    if (this.ended) return
    this.ended = true
    this.#timer?.cancel()
    this.#wake?.()
    this.#greeting?.cancel()
    if (this.#hasSlot && this.#query === undefined) this.#around.giveSlot()
    this.#around.ended()
  }

  async #run(): Promise<void> {
    // Whoever opened the feed attaches first.
    await Promise.resolve()
    for (let idle = 0; !this.ended;) {
      try {
        const startedAt = this.#options.runtime.now()
        const changed = await this.#ask()
        this.#failures = 0
        if (this.#isOver()) return
        const took = this.#options.runtime.now() - startedAt
        idle = changed || took > WAIT / 2 ? 0 : idle + 1
        if (!this.#hasSlot && !this.#tryForSlot()) await this.#pause(POLL)
        else if (idle > 1) await this.#pause(Math.min(LONGEST_PAUSE, 2 ** idle))
      } catch (error) {
        if (this.#isOver()) return
        const heals = isLibkvError(error) && (error.retryable || error.code === 'BACKEND_ERROR')
        if (!heals) {
          this.#fail(error as Error)
          return
        }
        // It may be another server, or the same one without its data.
        this.#index = 0
        await this.#pause(backoff(this.#options.runtime, this.#failures++, 20, 1_000))
      }
    }
  }

  /** One query. Whether it told anything new. */
  async #ask(): Promise<boolean> {
    const version = this.#version
    const waits = this.#index > 0 && this.#hasSlot
    const { entries, index } = waits ? await this.#wait() : await this.#read()
    if (this.ended) return false
    if (waits && index < this.#index) {
      // Also where tombstones were cleaned up; a read from the beginning tells.
      this.#index = 0
      return true
    }
    // While this read was under way, somebody else's took the feed further.
    if (!waits && this.#state !== undefined && version !== this.#version) return true
    this.#index = Math.max(1, index)
    return this.#take(entries, index)
  }

  /** A blocking query, on a connection of its own. */
  async #wait(): Promise<{ entries: readonly Entry[]; index: number }> {
    const call = new BlockingCall(this.#options.runtime, WAIT + WAIT / 16 + LATENESS)
    this.#query = call
    try {
      const wait = `&index=${String(this.#index)}&wait=${String(WAIT)}ms`
      return await this.#get(wait, true, call)
    } finally {
      call.done()
      this.#query = undefined
      // It was the last thing that this feed did.
      if (this.ended) this.#around.giveSlot()
      else if (this.#observers.size === 0) this.#end()
    }
  }

  async #read(): Promise<{ entries: readonly Entry[]; index: number }> {
    const { runtime, requestTimeout, connectionTimeout } = this.#options
    const call = new DetachedCall(runtime, requestTimeout, connectionTimeout)
    this.#greeting = call
    try {
      const answer = await this.#get('', false, call)
      if (answer.entries.length === 0 && 'prefix' in this.#scope && this.#state === undefined) {
        await this.#around.access(this.#scope.prefix, call)
      }
      return answer
    } finally {
      call.done()
    }
  }

  async #get(
    wait: string,
    blocking: boolean,
    call: Call,
  ): Promise<{ entries: readonly Entry[]; index: number }> {
    const isTree = 'prefix' in this.#scope
    const name = isTree ? this.#scope.prefix : this.#scope.key
    // What cannot be part of a path is watched with all that begins like it.
    const start = printablePrefix(name)
    const recurse = isTree || start !== name ? 'recurse&' : ''
    const { status, body, index } = await this.#client.request(
      { method: 'GET', path: `kv/${pathOf(start)}?${recurse}consistent${wait}`, blocking },
      [200, 404],
      call,
    )
    const entries = status === 404 ? [] : parseEntries(body)
    if (start === name) return { entries, index }
    return {
      entries: entries.filter(({ key }) => (isTree ? key.startsWith(name) : key === name)),
      index,
    }
  }

  /** Tells a state that was read after they came to those who have come since. */
  async #greet(): Promise<void> {
    if (this.#reading) return
    this.#reading = true
    try {
      while (this.#newcomers.length > 0 && !this.ended) {
        const waiting = this.#newcomers
        this.#newcomers = []
        try {
          const { entries, index } = await this.#read()
          // An answer that was overtaken by the feed's own is not needed: the state is newer.
          if (index >= this.#index) {
            this.#index = Math.max(1, index)
            this.#take(entries, index)
          }
        } catch (error) {
          this.#newcomers.unshift(...waiting)
          if (this.#isOver()) return
          const heals = isLibkvError(error) && (error.retryable || error.code === 'BACKEND_ERROR')
          if (!heals) {
            this.#fail(error as Error)
            return
          }
          await this.#nap(backoff(this.#options.runtime, this.#failures, 20, 1_000))
          this.#newcomers = this.#newcomers.filter((observer) => this.#observers.has(observer))
          continue
        }
        this.#welcome(waiting)
      }
    } finally {
      this.#reading = false
    }
  }

  #welcome(newcomers: readonly Observer[]): void {
    const state = this.#state
    if (state === undefined) return
    for (const observer of newcomers) {
      if (!this.#observers.has(observer)) continue
      this.#observers.set(observer, 'informed')
      observer.snapshot(state.entries, state.revision)
    }
  }

  #take(entries: readonly Entry[], index: number): boolean {
    this.#version++
    if (this.#state === undefined) {
      this.#state = new FeedState(entries, index)
      const all = this.#newcomers
      this.#newcomers = []
      this.#welcome(all)
      return true
    }
    const { changes, revision, wentBack } = this.#state.advance(entries, index)
    if (changes.length === 0) return false
    for (const [observer, status] of [...this.#observers]) {
      if (status === 'new') continue
      if (wentBack) observer.snapshot(this.#state.entries, revision)
      else observer.changes(changes, revision)
    }
    return true
  }

  /** Asks anew what may have changed while something was awaited. */
  #isOver(): boolean {
    return this.ended
  }

  #tryForSlot(): boolean {
    return (this.#hasSlot = this.#around.takeSlot())
  }

  #fail(error: Error): void {
    const observers = [...this.#observers.keys()]
    this.#end()
    for (const observer of observers) observer.fail(error)
  }

  /** Until the time is over or the feed has ended. */
  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve
      this.#timer = this.#options.runtime.setTimer(resolve, ms)
    })
  }

  #nap(ms: number): Promise<void> {
    return new Promise((resolve) => {
      this.#options.runtime.setTimer(resolve, ms)
    })
  }
}

/** The call of a blocking query: without observers it holds neither a timer nor the process. */
class BlockingCall implements Call {
  readonly deadline = Infinity
  readonly connectDeadline: number
  readonly #runtime: ResolvedConsulOptions['runtime']
  readonly #timeout: number
  #timer: Timer | undefined
  #callback: (() => void) | undefined
  settled = false

  constructor(runtime: ResolvedConsulOptions['runtime'], timeout: number) {
    this.#runtime = runtime
    this.#timeout = timeout
    this.connectDeadline = runtime.now() + timeout
    this.hold()
  }

  markSent(): void {
    // Nobody asks whether it was.
  }

  onCancel(callback: () => void): void {
    this.#callback = callback
  }

  hold(): void {
    if (this.settled || this.#timer !== undefined) return
    this.#timer = this.#runtime.setTimer(() => {
      this.cancel()
    }, this.#timeout)
  }

  release(): void {
    this.#timer?.cancel()
    this.#timer = undefined
  }

  done(): void {
    this.settled = true
    this.release()
  }

  cancel(): void {
    if (this.settled) return
    this.done()
    this.#callback?.()
  }
}
