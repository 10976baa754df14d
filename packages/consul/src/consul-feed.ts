import { BackgroundCall, Feed } from '@libkv/core/driver'
import type { Call, Entry, Scope } from '@libkv/core/driver'
import type { Runtime, Timer } from '@libkv/core'
import { parseEntries, pathOf, printablePrefix } from './consul-codec.ts'
import type { DirectoryListener, FeedContext } from './consul-feed-context.ts'
import { FeedState } from './consul-feed-state.ts'

/**
 * How long a blocking query waits, in ms. The server adds up to a sixteenth. A query that is cancelled still counts against the
 * server's limit of connections for as long, so it is short.
 */
const WAIT = 10_000
/** How much later than that an answer may come before the agent is treated as hanging, in ms. */
const LATENESS = 3_000
/** How often a feed reads that has no connection to wait on, in ms. */
const POLL = 500
/** The longest pause after answers without news, in ms: the query of an absent key returns with every write in the store. */
const LONGEST_PAUSE = 100

interface Answer {
  readonly entries: readonly Entry[]
  readonly index: number
}

/**
 * The changes of one scope: a read, then one blocking query after the other; or, for a key, what its directory reports; or a read
 * twice a second. All reads are consistent ones: a leader that was deposed does not show past states.
 */
export class ConsulFeed extends Feed implements DirectoryListener {
  readonly #scope: Scope
  readonly #context: FeedContext
  readonly #runtime: Runtime
  #state: FeedState | undefined
  /** Whether the next read reports a snapshot. */
  #isRestarted = true
  #known: Entry | undefined
  /** The index to wait beyond. */
  #index = 0
  /** Where the changes come from. */
  #source: 'query' | 'directory' | 'poll' | undefined
  #poll: Timer | undefined
  #query: BackgroundCall | undefined
  /** Whether the loop of blocking queries runs. */
  #isFollowing = false
  /** Ends a pause of the loop. */
  #wake: (() => void) | undefined
  /** What the directory reported before the first state. */
  #reported: readonly [entry: Entry | null, revision: bigint] | undefined

  constructor(scope: Scope, context: FeedContext) {
    super(context.options)
    this.#scope = scope
    this.#context = context
    this.#runtime = context.options.runtime
  }

  keyChanged(entry: Entry | null, revision: bigint): void {
    const index = Number(entry?.revision ?? revision)
    if (this.isClosed || index <= this.#index) return
    if (this.#state === undefined) {
      this.#reported = [entry, revision]
      return
    }
    // What is not in the answer may be there, and hidden by now.
    const mayBeHidden = this.#context.access.isControlled !== false
    if (entry === null && this.#state.entries.length > 0 && mayBeHidden) this.due()
    else this.#advance({ entries: entry === null ? [] : [entry], index })
  }

  keyMayHaveChanged(): void {
    this.due()
  }

  directoryEnded(): void {
    this.#source = undefined
    this.due()
  }

  protected override restart(known: Entry | undefined): void {
    this.#known = known
    this.#isRestarted = true
    this.#query?.hold()
  }

  /**
   * A query that waits is left to its end, for the server would go on with it anyway, and kept for the next observer: so frequent
   * watches of a key take one connection.
   */
  protected override deserted(): void {
    if (this.#query === undefined) this.close()
    else this.#query.hold(false)
  }

  protected override release(): void {
    this.#poll?.cancel()
    this.#wake?.()
    this.#query?.cancel()
    if (this.#source === 'query' && !this.#isFollowing) this.#context.giveSlot()
    this.#context.directory?.leave(this)
  }

  protected override async read(call: BackgroundCall): Promise<void> {
    this.#poll?.cancel()
    // To listen comes before the read: what changes after it is then reported.
    if (this.#source !== 'query') this.#source = this.#findSource()
    if (!this.#takeKnown()) await this.#readNow(call)
    if (this.isClosed) return
    if (this.#source === 'query') {
      void this.#follow()
      return
    }
    this.succeeded()
    if (this.#source !== 'poll') return
    this.#poll = this.#runtime.setTimer(() => {
      this.due()
    }, POLL)
  }

  #findSource(): 'query' | 'directory' | 'poll' {
    if (this.#source === 'directory') return 'directory'
    if (this.#context.takeSlot()) return 'query'
    const { directory } = this.#context
    return 'key' in this.#scope && directory?.join(this.#scope.key, this) === true
      ? 'directory'
      : 'poll'
  }

  /** The first query answers at once if the key has changed since. Without queries it has to be read. */
  #takeKnown(): boolean {
    const known = this.#known
    this.#known = undefined
    const index = Number(known?.revision ?? 0)
    if (known === undefined || this.#source !== 'query' || index <= this.#index) return false
    this.#report({ entries: [known], index })
    return true
  }

  async #readNow(call: BackgroundCall): Promise<void> {
    const before = this.#index
    const answer = await this.#get('', false, call)
    const isEmptyTree = answer.entries.length === 0 && 'prefix' in this.#scope
    if (isEmptyTree && this.#state === undefined) {
      await this.#context.access.refuseIfHidden(this.#scope.prefix, call)
    }
    if (this.isClosed) return
    // The query or the directory may have reported a later state meanwhile. Or the history went back.
    const isOvertaken = answer.index < this.#index && answer.index >= before
    if (!isOvertaken || this.#state === undefined) this.#report(answer)
    else this.#reportState(this.#state)
    if (this.#reported !== undefined) this.keyChanged(...this.#reported)
    this.#reported = undefined
  }

  /** One blocking query after the other, until one fails or nobody observes the feed. */
  async #follow(): Promise<void> {
    if (this.#isFollowing) return
    this.#isFollowing = true
    let wentBack = false
    try {
      for (let idle = 0; !this.#mayEnd();) {
        const startedAt = this.#runtime.now()
        const asked = this.#index
        const answer = await this.#wait(asked)
        if (this.#mayEnd()) return
        this.succeeded()
        // Also where tombstones were removed: a read shows which it is.
        wentBack = answer.index < asked
        if (wentBack) break
        const isOvertaken = answer.index < this.#index
        const isNews =
          isOvertaken || (this.#advance(answer) && (this.#context.isWanted?.() ?? true))
        const isLong = this.#runtime.now() - startedAt > WAIT / 2
        idle = isNews || isLong ? 0 : idle + 1
        if (idle > 1) await this.#pause(Math.min(LONGEST_PAUSE, 2 ** idle))
      }
    } catch (error) {
      // It may be another server next time, or the same one without its data.
      this.#index = 0
      this.failed(error)
    } finally {
      this.#isFollowing = false
      if (this.isClosed) this.#context.giveSlot()
    }
    if (wentBack) this.due()
  }

  /** Ends a feed that nobody observes. Returns whether it has ended. */
  #mayEnd(): boolean {
    if (this.isDeserted) this.close()
    return this.isClosed
  }

  /** A blocking query, on a connection of its own. */
  async #wait(index: number): Promise<Answer> {
    const timeout = WAIT + WAIT / 16 + LATENESS
    const timing = { runtime: this.#runtime, requestTimeout: timeout, connectionTimeout: timeout }
    const call = new BackgroundCall(timing)
    call.hold()
    this.#query = call
    try {
      const wait = `&index=${String(index)}&wait=${String(WAIT)}ms`
      return await this.#get(wait, true, call)
    } finally {
      call.done()
      this.#query = undefined
    }
  }

  async #get(wait: string, blocking: boolean, call: Call): Promise<Answer> {
    const isTree = 'prefix' in this.#scope
    const name = isTree ? this.#scope.prefix : this.#scope.key
    // What cannot be part of a path is watched with all that begins like it.
    const start = printablePrefix(name)
    const recurse = isTree || start !== name ? 'recurse&' : ''
    const path = `kv/${pathOf(start)}?${recurse}consistent${wait}`
    const maxBody = this.#context.maxBody?.()
    const { status, body, index } = await this.#context.client.request(
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

  /** Reports what a read found. */
  #report({ entries, index }: Answer): void {
    this.#index = Math.max(1, index)
    if (this.#state === undefined) {
      this.#state = new FeedState(entries, index)
      this.#reportState(this.#state)
      return
    }
    const { changes, revision, wentBack } = this.#state.advance(entries, index)
    if (this.#isRestarted || wentBack) this.#reportState(this.#state)
    else if (changes.length > 0) this.observer.changes(changes, revision)
  }

  #reportState({ entries, revision }: FeedState): void {
    this.#isRestarted = false
    this.observer.snapshot(entries, revision)
  }

  /**
   * Reports what came without a read. It may be older than observers that wait for a snapshot.
   *
   * @returns whether it is news.
   */
  #advance({ entries, index }: Answer): boolean {
    if (this.#state === undefined) return false
    this.#index = Math.max(1, index)
    const { changes, revision, wentBack } = this.#state.advance(entries, index)
    if (wentBack) {
      this.#isRestarted = true
      this.due()
    } else if (changes.length > 0) {
      this.observer.changes(changes, revision)
    }
    return changes.length > 0
  }

  /** Until the time is over or the feed has ended. */
  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = this.#runtime.setTimer(resolve, ms)
      this.#wake = () => {
        timer.cancel()
        resolve()
      }
    })
  }
}
