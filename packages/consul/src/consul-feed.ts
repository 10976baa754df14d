import { BackgroundCall, backoff, heals } from '@libkv/core/driver'
import type { Call, Entry, Observation, Observer, Scope } from '@libkv/core/driver'
import type { Runtime, Timer } from '@libkv/core'
import type { ConsulAccess } from './consul-access.ts'
import { BlockingCall } from './consul-blocking-call.ts'
import type { ConsulClient } from './consul-client.ts'
import { parseEntries, pathOf, printablePrefix } from './consul-codec.ts'
import { FeedAudience } from './consul-feed-audience.ts'
import type { ResolvedConsulOptions } from './consul-options.ts'
import type { WatchedDirectory } from './consul-watched-directory.ts'

/**
 * How long a blocking query waits, in milliseconds. The server adds up to a sixteenth. A query that is cancelled goes on
 * counting against the server's limit of connections for as long, so it is short.
 */
const WAIT = 10_000
/** How much later than that an answer may come, before the agent is taken to hang. */
const LATENESS = 3_000
/** How often a feed asks that has no connection to wait on. */
const POLL = 500
/** After answers that tell nothing new the feed pauses, up to so long: what is absent wakes at every write in the store. */
const LONGEST_PAUSE = 100

/** What a feed needs of those beside it. */
export interface Surroundings {
  readonly client: ConsulClient
  readonly access: ConsulAccess
  readonly options: ResolvedConsulOptions
  /** Whether the feed may occupy a connection with a blocking query from now on. */
  readonly takeSlot: () => boolean
  readonly giveSlot: () => void
  readonly ended: () => void
  /** For a key: the directory that may tell of it, so that it need not ask for itself. */
  readonly directory?: WatchedDirectory
  /** How many bytes an answer may have; beyond, the feed fails. */
  readonly maxBody?: () => number
  /** Whether anybody wanted to know what was told last. */
  readonly isWanted?: () => boolean
}

interface Answer {
  readonly entries: readonly Entry[]
  readonly index: number
}

/**
 * The changes of one scope, for all who watch it: one blocking query after the other; or, for a key, what the feed of its
 * directory says. All reads are consistent ones, so that a leader that was deposed does not show what is past.
 */
export class ConsulFeed {
  readonly #scope: Scope
  readonly #around: Surroundings
  readonly #runtime: Runtime
  readonly #audience = new FeedAudience()
  /** The index to wait beyond; 0 to be answered at once. */
  #index = 0
  #failures = 0
  #greeting = false
  #hasSlot = false
  /** It listens to its directory. */
  #listens = false
  /** The directory told something that has to be asked for. */
  #isStale = false
  /** What the directory told before the feed knew anything. */
  #heard: readonly [entry: Entry | null, revision: bigint] | undefined
  #timer: Timer | undefined
  #wake: (() => void) | undefined
  #query: BlockingCall | undefined
  #reading: BackgroundCall | undefined
  ended = false

  constructor(scope: Scope, around: Surroundings) {
    this.#scope = scope
    this.#around = around
    this.#runtime = around.options.runtime
    void this.#run()
  }

  attach(observer: Observer): Observation {
    this.#audience.add(observer)
    this.#query?.hold()
    // The first one is told by the feed's own first query.
    if (this.#audience.state !== undefined) void this.#greet()
    return {
      close: () => {
        this.#audience.remove(observer)
        if (this.#audience.size === 0) this.#linger()
      },
    }
  }

  close(): void {
    this.#end()
    this.#query?.cancel()
  }

  /** The directory says that the key is like this, as of that index. */
  told(entry: Entry | null, revision: bigint): void {
    const index = Number(entry?.revision ?? revision)
    if (this.ended || index <= this.#index) return
    const { state } = this.#audience
    if (state === undefined) {
      this.#heard = [entry, revision]
      return
    }
    // What does not show may be there, and hidden by now.
    const mayBeHidden = this.#around.access.isControlled !== false
    if (entry === null && state.entries.length > 0 && mayBeHidden) {
      this.recheck()
      return
    }
    this.#index = index
    this.#audience.take(entry === null ? [] : [entry], index)
  }

  /** The directory cannot say how the key is. */
  recheck(): void {
    this.#isStale = true
    this.#wake?.()
  }

  /** The directory says nothing more. */
  left(): void {
    this.#listens = false
    this.#wake?.()
  }

  /**
   * Nobody watches any more. A query that waits is left to its end, for the server would go on with it anyway: so no
   * churn of watches makes more of them than there are connections.
   */
  #linger(): void {
    this.#reading?.cancel()
    if (this.#query === undefined) this.#end()
    else this.#query.release()
  }

  #end(): void {
    if (this.ended) return
    this.ended = true
    this.#timer?.cancel()
    this.#wake?.()
    this.#reading?.cancel()
    if (this.#hasSlot && this.#query === undefined) this.#around.giveSlot()
    this.#around.directory?.leave(this)
    this.#around.ended()
  }

  async #run(): Promise<void> {
    // Whoever opened the feed attaches first.
    await Promise.resolve()
    this.#beginWithWhatIsKnown()
    for (let idle = 0; !this.ended;) {
      try {
        // To listen comes before the read: what changes after it is then told.
        if (!this.#hasSlot && !this.#listens && !this.#tryForSlot()) {
          this.#listens = this.#join()
        }
        this.#isStale = false
        const startedAt = this.#runtime.now()
        const changed = await this.#ask()
        this.#failures = 0
        if (this.#isOver()) return
        if (this.#heard !== undefined) this.told(...this.#heard)
        this.#heard = undefined
        const took = this.#runtime.now() - startedAt
        const isNews = changed && (this.#around.isWanted?.() ?? true)
        idle = isNews || took > WAIT / 2 ? 0 : idle + 1
        if (this.#listens) await this.#news()
        else if (!this.#hasSlot) await this.#pause(POLL)
        else if (idle > 1) await this.#pause(Math.min(LONGEST_PAUSE, 2 ** idle))
      } catch (error) {
        if (this.#isOver()) return
        if (!heals(error)) {
          this.#fail(error as Error)
          return
        }
        // It may be another server, or the same one without its data.
        this.#index = 0
        await this.#pause(backoff(this.#runtime, this.#failures++, 20, 1_000))
      }
    }
  }

  /** What has come since then answers the first blocking query at once. Who cannot wait has to read. */
  #beginWithWhatIsKnown(): void {
    const known = 'key' in this.#scope ? this.#scope.known : undefined
    if (known === undefined || this.ended || !this.#tryForSlot()) return
    this.#index = Number(known.revision)
    this.#audience.take([known], this.#index)
  }

  /** One query. Whether it told anything new. */
  async #ask(): Promise<boolean> {
    const { version } = this.#audience
    const waits = this.#index > 0 && this.#hasSlot
    const { entries, index } = waits ? await this.#wait() : await this.#read()
    if (this.ended) return false
    if (waits && index < this.#index) {
      // Also where tombstones were cleaned up; a read from the beginning tells.
      this.#index = 0
      return true
    }
    // While this read was under way, something else took the feed further.
    const isKnown = this.#audience.state !== undefined
    if (!waits && isKnown && version !== this.#audience.version) return true
    this.#index = Math.max(1, index)
    return this.#audience.take(entries, index)
  }

  /** A blocking query, on a connection of its own. */
  async #wait(): Promise<Answer> {
    const call = new BlockingCall(this.#runtime, WAIT + WAIT / 16 + LATENESS)
    this.#query = call
    try {
      const wait = `&index=${String(this.#index)}&wait=${String(WAIT)}ms`
      return await this.#get(wait, true, call)
    } finally {
      call.done()
      this.#query = undefined
      // It was the last thing that this feed did.
      if (this.ended) this.#around.giveSlot()
      else if (this.#audience.size === 0) this.#end()
    }
  }

  async #read(): Promise<Answer> {
    const call = new BackgroundCall(this.#around.options)
    this.#reading = call
    try {
      const answer = await this.#get('', false, call)
      const isFirst = this.#audience.state === undefined
      if (isFirst && answer.entries.length === 0 && 'prefix' in this.#scope) {
        await this.#around.access.refuseIfHidden(this.#scope.prefix, call)
      }
      return answer
    } finally {
      call.done()
    }
  }

  async #get(wait: string, blocking: boolean, call: Call): Promise<Answer> {
    const isTree = 'prefix' in this.#scope
    const name = isTree ? this.#scope.prefix : this.#scope.key
    // What cannot be part of a path is watched with all that begins like it.
    const start = printablePrefix(name)
    const recurse = isTree || start !== name ? 'recurse&' : ''
    const path = `kv/${pathOf(start)}?${recurse}consistent${wait}`
    const maxBody = this.#around.maxBody?.()
    const { status, body, index } = await this.#around.client.request(
      { method: 'GET', path, blocking, maxBody },
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
    if (this.#greeting) return
    this.#greeting = true
    try {
      while (this.#audience.hasNewcomers && !this.ended) {
        const waiting = this.#audience.takeNewcomers()
        try {
          const { entries, index } = await this.#read()
          // An answer that was overtaken by the feed's own is not needed: the state is newer.
          if (index >= this.#index) {
            this.#index = Math.max(1, index)
            this.#audience.take(entries, index)
          }
        } catch (error) {
          if (this.#isOver()) return
          this.#audience.putBack(waiting)
          if (!heals(error)) {
            this.#fail(error as Error)
            return
          }
          await this.#nap(backoff(this.#runtime, this.#failures, 20, 1_000))
          continue
        }
        this.#audience.welcome(waiting)
      }
    } finally {
      this.#greeting = false
    }
  }

  /** Asks anew what may have changed while something was awaited. */
  #isOver(): boolean {
    return this.ended
  }

  #join(): boolean {
    const { directory } = this.#around
    return 'key' in this.#scope && directory?.join(this.#scope.key, this) === true
  }

  #tryForSlot(): boolean {
    return (this.#hasSlot = this.#around.takeSlot())
  }

  #fail(error: Error): void {
    const observers = this.#audience.all
    this.#end()
    for (const observer of observers) observer.fail(error)
  }

  /** Until the directory cannot tell what has become of the key, or says nothing more. */
  async #news(): Promise<void> {
    while (this.#listens && !this.#isStale && !this.ended) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
  }

  /** Until the time is over or the feed has ended. */
  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve
      this.#timer = this.#runtime.setTimer(resolve, ms)
    })
  }

  #nap(ms: number): Promise<void> {
    return new Promise((resolve) => {
      this.#runtime.setTimer(resolve, ms, false)
    })
  }
}
