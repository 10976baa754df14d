import type { Change, Entry, Observation, Observer } from '@libkv/core/driver'

/** The feed of one key, to which a directory reports what its shared query finds. */
export interface DirectoryListener {
  /** What the key holds, or null. */
  told(entry: Entry | null, revision: bigint): void
  /** Something was lost: read the key again. */
  recheck(): void
  /** The directory's query is given up. */
  left(): void
}

/** How many watched keys of one directory have blocking queries of their own. From one more on the others share one. */
export const OWN_QUERIES = 4
/** How large an answer about the directory may be, in bytes: so much in any case, ... */
const MIN_BYTES = 64 * 1024
/** ... more with each key that is watched, ... */
const BYTES_PER_KEY = 8 * 1024
/** ... and never more than this. */
const MAX_BYTES = 1024 * 1024

/**
 * The keys of one directory that are watched one by one, such as the queue of a lock. From five of them on, one blocking query
 * on the whole directory does for those that have none of their own: it answers with all that is below, so it is given up
 * where that is much more than is watched, or where the token may not read it.
 */
export class WatchedDirectory implements Observer {
  /** What all of its keys begin with. */
  readonly prefix: string
  /** How many keys are watched. */
  watched = 0
  /** How many of them have a blocking query of their own. */
  queries = 0
  readonly #observe: (directory: WatchedDirectory) => Observation
  readonly #listeners = new Map<string, DirectoryListener>()
  readonly #keys = new Map<DirectoryListener, string>()
  #observation: Observation | undefined
  #isInformed = false
  /** How many keys have to be watched for a try: after one that failed twice as many as there were then. */
  #threshold = OWN_QUERIES + 1
  #allowedFor = 0
  /** Whether the last changes were those of a key that is watched. */
  isWanted = false

  /** @param observe - opens the feed of the directory. */
  constructor(prefix: string, observe: (directory: WatchedDirectory) => Observation) {
    this.prefix = prefix
    this.#observe = observe
  }

  /** How large the next answer may be. */
  allow(): number {
    this.#allowedFor = this.watched
    return Math.min(MAX_BYTES, Math.max(MIN_BYTES, BYTES_PER_KEY * this.watched))
  }

  /** Whether it is worth while to read all of it for the keys that are watched. */
  get isShared(): boolean {
    return this.#observation !== undefined || this.watched >= this.#threshold
  }

  /** Whether the feed will be told about its key from now on. */
  join(key: string, feed: DirectoryListener): boolean {
    if (!this.isShared) return false
    this.#listeners.set(key, feed)
    this.#keys.set(feed, key)
    this.#observation ??= this.#observe(this)
    return true
  }

  leave(feed: DirectoryListener): void {
    const key = this.#keys.get(feed)
    if (key === undefined) return
    this.#keys.delete(feed)
    this.#listeners.delete(key)
    if (this.#listeners.size === 0) this.#close()
  }

  snapshot(entries: readonly Entry[], revision: bigint): void {
    const isFirst = !this.#isInformed
    this.#isInformed = true
    this.isWanted = true
    if (!isFirst) {
      // The server's history is another one: what is known of the keys has to be asked for.
      for (const feed of [...this.#listeners.values()]) feed.recheck()
      return
    }
    const present = new Map(entries.map((entry) => [entry.key, entry]))
    for (const [key, feed] of [...this.#listeners]) feed.told(present.get(key) ?? null, revision)
  }

  changes(changes: readonly Change[], revision: bigint): void {
    this.isWanted = false
    for (const change of changes) {
      const key = change.type === 'put' ? change.entry.key : change.key
      const feed = this.#listeners.get(key)
      if (feed === undefined) continue
      this.isWanted = true
      feed.told(change.type === 'put' ? change.entry : null, revision)
    }
  }

  fail(): void {
    this.#threshold = 2 * Math.max(OWN_QUERIES, this.#allowedFor)
    const feeds = [...this.#listeners.values()]
    this.#listeners.clear()
    this.#keys.clear()
    this.#close()
    for (const feed of feeds) feed.left()
  }

  #close(): void {
    this.#observation?.close()
    this.#observation = undefined
    this.#isInformed = false
  }
}
