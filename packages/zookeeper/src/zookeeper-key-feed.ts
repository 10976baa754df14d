import type { BackgroundCall, Entry, Observer } from '@libkv/core/driver'
import type { Stat, StateEvent } from './client/index.ts'
import { ZooKeeperFeed } from './zookeeper-feed.ts'
import type { FeedContext } from './zookeeper-feed.ts'
import { pathOf } from './zookeeper-paths.ts'

/** How long a watch that nobody wants any more is left to itself, in milliseconds. */
const LINGER = 1_000

/**
 * The feed of one key: a watch that fires once, set again by each read. What changes while there is no connection fires it
 * when there is one again.
 */
export class KeyFeed extends ZooKeeperFeed {
  readonly #key: string
  readonly #path: string
  /** The watch is in force, so that there is nothing to do but to wait. */
  #isWatching = false
  /** Whether the server may not have caught up with what others have been told. */
  #isBehind = true
  #last: Entry | null | undefined
  #known: Entry | undefined

  /** @param known - how the key is said to be; where the server agrees, that is not read again. */
  constructor(context: FeedContext, key: string, observer: Observer, known: Entry | undefined) {
    super(context, observer)
    this.#key = key
    this.#known = known
    this.#path = pathOf(key)
    this.due()
  }

  protected override async readWatched(call: BackgroundCall): Promise<void> {
    if (await this.#isAsKnown(call)) return
    const watching = this.#isWatching ? undefined : this.#watch(call)
    const reading = this.context.connection.read(this.#key, this.#path, this.#isBehind, call)
    try {
      const [entry] = await Promise.all([reading, watching])
      this.#isBehind = false
      if (!this.isClosed) this.#tell(entry)
    } catch (error) {
      this.unwatch()
      throw error
    }
  }

  /** Sets the watch, which also tells what the server has there. */
  #watch(call: BackgroundCall): Promise<Stat | null> {
    this.#isWatching = true
    return this.context.connection.client.exists(this.#path, call, this.#onEvent)
  }

  /** A server that is behind what is known does not count. */
  async #isAsKnown(call: BackgroundCall): Promise<boolean> {
    const known = this.#known
    if (known === undefined) return false
    this.#known = undefined
    try {
      const stat = await this.#watch(call)
      if (stat?.mzxid !== known.revision) return false
    } catch (error) {
      this.unwatch()
      throw error
    }
    this.#isBehind = false
    if (!this.isClosed) this.#tell(known)
    return true
  }

  protected override unwatch(): void {
    if (!this.isClosed) {
      this.#removeWatch()
      return
    }
    // Whoever gives a lock back does not watch it any more, and then deletes it, which ends the watch as well.
    const { runtime } = this.context.options
    runtime.setTimer(
      () => {
        this.#removeWatch()
      },
      LINGER,
      false,
    )
  }

  #removeWatch(): void {
    if (!this.#isWatching) return
    this.#isWatching = false
    void this.context.connection.client
      .removeWatch(this.#path, this.#onEvent)
      .catch(() => undefined)
  }

  protected override stateChanged(event: StateEvent): void {
    if (event.type !== 'expired') return
    this.#isWatching = false
    this.#isBehind = true
    this.due()
  }

  // A deletion is no exception: the key may have been made anew in the same transaction, to bind it to nothing any more.
  readonly #onEvent = (): void => {
    this.#isWatching = false
    if (this.isClosed) return
    this.observer.stirred?.()
    this.due()
  }

  #tell(entry: Entry | null): void {
    const last = this.#last
    this.#last = entry
    const { lastZxid } = this.context.connection.client
    if (last === undefined) {
      this.observer.snapshot(entry === null ? [] : [entry], entry?.revision ?? lastZxid)
    } else if (entry !== null) {
      if (last?.revision === entry.revision && last.createRevision === entry.createRevision) return
      this.observer.changes([{ type: 'put', entry }], entry.revision)
    } else if (last !== null) {
      this.observer.changes([{ type: 'delete', key: this.#key, revision: lastZxid }], lastZxid)
    }
  }
}
