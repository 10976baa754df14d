import type { Change, Entry, Feed, Observation, Observer } from '@libkv/core/driver'
import type { DirectoryListener, FeedContext, KeyDirectory } from './consul-feed-context.ts'

export interface WatchedDirectoryOptions {
  /** Creates the feed of the directory. */
  readonly open: (particular: Partial<FeedContext>) => Feed
  /** Called when no key of the directory is watched any more, and it has no feed. */
  readonly onUnused: () => void
}

/** How many watched keys of one directory have blocking queries of their own. From one more on the others share one. */
const OWN_QUERIES = 4
/** How large an answer about the directory may be, in bytes: so much in any case, ... */
const MIN_BYTES = 64 * 1024
/** ... more with each key that is watched, ... */
const BYTES_PER_KEY = 8 * 1024
/** ... and never more than this. */
const MAX_BYTES = 1024 * 1024

/**
 * The keys of one directory that are watched one by one, such as the queue of a lock. From five of them on, one blocking query on
 * the whole directory serves those that have none of their own. It answers with all keys below, so it ends where that is much more
 * than is watched, or where the token may not read it.
 */
export class WatchedDirectory implements KeyDirectory, Observer {
  readonly #options: WatchedDirectoryOptions
  readonly #listeners = new Map<string, DirectoryListener>()
  readonly #keys = new Map<DirectoryListener, string>()
  #feed: Feed | undefined
  #observation: Observation | undefined
  #isInformed = false
  /** How many keys are watched. */
  #watched = 0
  /** How many of them have a blocking query of their own. */
  #queries = 0
  /** How many keys have to be watched for an attempt: after one that failed twice as many as there were then. */
  #threshold = OWN_QUERIES + 1
  #allowedFor = 0
  /** Whether the last changes were those of a key that is watched. */
  #isWanted = false

  constructor(options: WatchedDirectoryOptions) {
    this.#options = options
  }

  /** The context of the feed of a key in it. The feed ends with {@link WatchedDirectory.leave}. */
  contextOfKey(context: FeedContext): FeedContext {
    this.#watched++
    return {
      ...context,
      directory: this,
      takeSlot: () => {
        if (this.#isShared && this.#queries >= OWN_QUERIES) return false
        if (!context.takeSlot()) return false
        this.#queries++
        return true
      },
      giveSlot: () => {
        this.#queries--
        context.giveSlot()
      },
    }
  }

  join(key: string, feed: DirectoryListener): boolean {
    if (!this.#isShared) return false
    this.#listeners.set(key, feed)
    this.#keys.set(feed, key)
    this.#observation ??= this.#observe()
    return true
  }

  leave(feed: DirectoryListener): void {
    this.#watched--
    const key = this.#keys.get(feed)
    if (key !== undefined) {
      this.#keys.delete(feed)
      this.#listeners.delete(key)
      if (this.#listeners.size === 0) this.#stopObserving()
    }
    this.#checkUse()
  }

  close(): void {
    this.#feed?.close()
  }

  snapshot(entries: readonly Entry[], revision: bigint): void {
    const isFirst = !this.#isInformed
    this.#isInformed = true
    this.#isWanted = true
    if (!isFirst) {
      // The server's history is another one: what is known of the keys has to be read again.
      for (const feed of [...this.#listeners.values()]) feed.keyMayHaveChanged()
      return
    }
    const present = new Map(entries.map((entry) => [entry.key, entry]))
    for (const [key, feed] of [...this.#listeners]) {
      feed.keyChanged(present.get(key) ?? null, revision)
    }
  }

  changes(changes: readonly Change[], revision: bigint): void {
    this.#isWanted = false
    for (const change of changes) {
      const key = change.type === 'put' ? change.entry.key : change.key
      const feed = this.#listeners.get(key)
      if (feed === undefined) continue
      this.#isWanted = true
      feed.keyChanged(change.type === 'put' ? change.entry : null, revision)
    }
  }

  fail(): void {
    this.#threshold = 2 * Math.max(OWN_QUERIES, this.#allowedFor)
    const feeds = [...this.#listeners.values()]
    this.#listeners.clear()
    this.#keys.clear()
    this.#stopObserving()
    for (const feed of feeds) feed.directoryEnded()
  }

  /** Whether it is worth while to read all of it for the keys that are watched. */
  get #isShared(): boolean {
    return this.#observation !== undefined || this.#watched >= this.#threshold
  }

  #observe(): Observation {
    this.#feed ??= this.#open()
    return this.#feed.attach(this)
  }

  #open(): Feed {
    const feed = this.#options.open({
      maxBody: () => this.#allow(),
      isWanted: () => this.#isWanted,
    })
    feed.onClose = () => {
      this.#feed = undefined
      this.#checkUse()
    }
    return feed
  }

  /** How large the next answer may be, in bytes. */
  #allow(): number {
    this.#allowedFor = this.#watched
    return Math.min(MAX_BYTES, Math.max(MIN_BYTES, BYTES_PER_KEY * this.#watched))
  }

  #stopObserving(): void {
    this.#observation?.close()
    this.#observation = undefined
    this.#isInformed = false
  }

  /** A feed that is kept belongs to its directory, which may be watched again. */
  #checkUse(): void {
    if (this.#watched === 0 && this.#feed === undefined) this.#options.onUnused()
  }
}
