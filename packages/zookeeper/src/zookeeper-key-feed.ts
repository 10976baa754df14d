import type { BackgroundCall, Entry } from '@libkv/core/driver'
import type { Stat, StateEvent } from './client/index.ts'
import type { ZooKeeperContext } from './zookeeper-context.ts'
import { ZooKeeperFeed } from './zookeeper-feed.ts'
import { pathOf } from './zookeeper-paths.ts'

/** How long the watch of a closed feed stays on the server, in ms. */
const LINGER = 1_000

/**
 * The feed of one key: a watch that fires once and is set again by each read. A change while the
 * connection is lost fires it after the reconnect.
 */
export class KeyFeed extends ZooKeeperFeed {
  readonly #key: string
  readonly #path: string
  /** Whether the watch is set. */
  #isWatching = false
  /** Whether the server may lag behind others, so that the next read must be linearizable. */
  #isBehind = true
  #reported: Entry | null | undefined
  #known: Entry | undefined

  constructor(context: ZooKeeperContext, key: string) {
    super(context)
    this.#key = key
    this.#path = pathOf(key)
  }

  /** A known state is not read again if the server confirms its revision. */
  protected override restart(known: Entry | undefined): void {
    this.#known = this.#isWatching ? undefined : known
    this.#reported = undefined
    this.#isBehind = true
  }

  protected override async readWatched(call: BackgroundCall): Promise<void> {
    if (await this.#isAsKnown(call)) return
    const watching = this.#isWatching ? undefined : this.#watch(call)
    const reading = this.context.connection.read(this.#key, this.#path, this.#isBehind, call)
    try {
      const [entry] = await Promise.all([reading, watching])
      this.#isBehind = false
      this.#report(entry)
    } catch (error) {
      this.unwatch()
      throw error
    }
  }

  /** Sets the watch; the answer also has the node's stat. */
  #watch(call: BackgroundCall): Promise<Stat | null> {
    this.#isWatching = true
    return this.context.connection.client.exists(this.#path, call, this.#onEvent)
  }

  /** Whether the server confirms the known state. A server that lags behind does not. */
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
    this.#report(known)
    return true
  }

  protected override unwatch(): void {
    if (!this.isClosed) {
      this.#removeWatch()
      return
    }
    // Releasing a lock closes the feed and then deletes the key, which already removes the watch.
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
    this.removeWatch(this.#path, this.#onEvent)
  }

  protected override stateChanged(event: StateEvent): void {
    if (event.type !== 'expired') return
    this.#isWatching = false
    this.#isBehind = true
    this.due()
  }

  // After a deletion as well: a transaction that unbinds a key from its session deletes its node
  // and creates it again.
  readonly #onEvent = (): void => {
    this.#isWatching = false
    if (this.isClosed) return
    this.observer.stirred()
    this.due()
  }

  #report(entry: Entry | null): void {
    const last = this.#reported
    const isSame =
      last?.revision === entry?.revision && last?.createRevision === entry?.createRevision
    if (this.isClosed || (last !== undefined && isSame)) return
    this.#reported = entry
    const { lastZxid } = this.context.connection.client
    this.observer.snapshot(entry === null ? [] : [entry], entry?.revision ?? lastZxid)
  }
}
