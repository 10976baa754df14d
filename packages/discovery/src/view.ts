import { compareKeys } from '@libkv/core'
import type { KVPair, Runtime, Store, Timer, TreeSnapshot } from '@libkv/core'
import type { Contact, ContactListener } from './contact.ts'
import { readEntry } from './entry.ts'
import type { Instance } from './instance.ts'

/** An entry that is no instance. Nothing else suffers from it. */
export interface InvalidEntry {
  readonly key: string
  readonly reason: string
}

/** The instances of a service. */
export interface InstanceList {
  /** In the order of their keys. */
  readonly instances: readonly Instance[]
  /** The entries that are no instances. */
  readonly invalid: readonly InvalidEntry[]
  /**
   * The list may be out of date: the store cannot be asked at present, or an outage may be the only reason why some of the
   * instances are missing from it. Nobody is removed for that.
   */
  readonly stale: boolean
}

/** An instance as a view knows it. */
export interface Known {
  readonly key: string
  readonly instance: Instance
  /** What tells one registration from the next: a mark on the one is no mark on the other. */
  readonly registration: string | undefined
  /** Equal for equal instances. */
  readonly content: string
  readonly ttl: number
  /** Its entry is gone, and an outage may be the reason. */
  readonly isMissing: boolean
}

/** What a view needs of its discovery. */
export interface ViewContext {
  readonly store: Store
  readonly contact: Contact
  readonly runtime: Runtime
  /** The directory of all services. */
  readonly prefix: string
  /** The take-over time of entries that name none, in milliseconds. */
  readonly ttl: number
}

/** Who reads a view. */
export interface ViewReader {
  /** There may be something new. */
  changed(): void
  /** The view is over, by an error if there is one. */
  ended(error: { readonly reason: unknown } | undefined): void
}

/** The instances below one directory, kept up to date by a watch, and kept through outages. */
export class View implements ContactListener {
  readonly #context: ViewContext
  readonly #directory: string
  readonly #onEnd: () => void
  readonly #readers = new Set<ViewReader>()
  readonly #known = new Map<string, Known>()
  readonly #invalid = new Map<string, InvalidEntry>()
  #watching = new AbortController()
  /** Whether there is anything to show: an outage at the very beginning shows nothing, rather than nobody. */
  #isReady = false
  /** Whether the watch has shown the state of the store since the last outage. */
  #isCurrent = false
  #sorted: readonly Known[] | undefined
  #list: InstanceList | undefined
  #timer: Timer | undefined
  #ended = false

  /** @param onEnd - called once when it is over, also when nobody needs it any more. */
  constructor(context: ViewContext, directory: string, onEnd: () => void) {
    this.#context = context
    this.#directory = directory
    this.#onEnd = onEnd
    context.contact.listen(this)
    void this.#follow(this.#watching.signal)
  }

  get isReady(): boolean {
    return this.#isReady
  }

  /** In the order of their keys. A new array whenever something has changed. */
  get known(): readonly Known[] {
    return (this.#sorted ??= [...this.#known.values()].sort(byKey))
  }

  get list(): InstanceList {
    const stale = this.#isStale()
    if (this.#list?.stale !== stale) {
      const instances = this.known.map(({ instance }) => instance)
      this.#list = { instances, invalid: [...this.#invalid.values()].sort(byKey), stale }
    }
    return this.#list
  }

  /** What a view begins with that is opened because somebody has just read these. */
  seed(pairs: readonly KVPair[]): void {
    if (this.#isReady) return
    for (const pair of pairs) this.#put(pair)
    this.#isReady = true
  }

  /** The list that is right when the store has just answered with these. */
  merge(pairs: readonly KVPair[]): InstanceList {
    const { prefix, contact } = this.#context
    const found: Pick<Known, 'key' | 'instance'>[] = []
    const invalid: InvalidEntry[] = []
    let stale = contact.isLost()
    for (const pair of pairs) {
      const entry = readEntry(prefix, pair)
      if (entry.type === 'instance') found.push({ key: pair.key, instance: entry.instance })
      if (entry.type === 'invalid') invalid.push({ key: pair.key, reason: entry.reason })
    }
    const keys = new Set(pairs.map(({ key }) => key))
    for (const [key, known] of this.#known) {
      if (keys.has(key) || contact.excuse(known.ttl) === 0) continue
      found.push(known)
      stale = true
    }
    return { instances: found.sort(byKey).map(({ instance }) => instance), invalid, stale }
  }

  subscribe(reader: ViewReader): void {
    this.#readers.add(reader)
  }

  unsubscribe(reader: ViewReader): void {
    this.#readers.delete(reader)
    this.#endIfIdle()
  }

  close(): void {
    this.#end(undefined)
  }

  lost(): void {
    this.#isCurrent = false
    this.#tell()
  }

  /** Begins anew, so that there is no doubt whether the watch is from before the outage. */
  recovered(): void {
    this.#watching.abort()
    this.#watching = new AbortController()
    this.#isCurrent = false
    void this.#follow(this.#watching.signal)
    this.#settle()
  }

  async #follow(signal: AbortSignal): Promise<void> {
    try {
      let isFirst = true
      for await (const tree of this.#context.store.watchTree(this.#directory, { signal })) {
        if (isFirst) this.#begin(tree)
        else this.#change(tree)
        isFirst = false
        this.#settle()
      }
      if (!signal.aborted) this.#end(undefined)
    } catch (reason) {
      if (!signal.aborted) this.#end({ reason })
    }
  }

  #begin({ pairs }: TreeSnapshot): void {
    const keys = new Set(pairs.map(({ key }) => key))
    for (const key of [...this.#known.keys(), ...this.#invalid.keys()]) {
      if (!keys.has(key)) this.#delete(key)
    }
    for (const pair of pairs) this.#put(pair)
    this.#isReady = true
    this.#isCurrent = true
  }

  #change({ changes }: TreeSnapshot): void {
    for (const { key, pair } of changes) {
      if (pair === undefined) this.#delete(key)
      else this.#put(pair)
    }
  }

  #put(pair: KVPair): void {
    const { prefix, contact, ttl: defaultTtl } = this.#context
    const entry = readEntry(prefix, pair)
    this.#known.delete(pair.key)
    this.#invalid.delete(pair.key)
    if (entry.type === 'invalid') {
      this.#invalid.set(pair.key, { key: pair.key, reason: entry.reason })
    }
    if (entry.type !== 'instance') return
    const { instance, registration, ttl = defaultTtl } = entry
    const { address, port, metadata } = instance
    const content = JSON.stringify([address, port, metadata])
    const { key } = pair
    this.#known.set(key, { key, instance, registration, content, ttl, isMissing: false })
    contact.expect(ttl)
  }

  #delete(key: string): void {
    this.#invalid.delete(key)
    const known = this.#known.get(key)
    if (known !== undefined) this.#known.set(key, { ...known, isMissing: true })
  }

  /** Removes who is missing without excuse, and looks again when the next excuse is over. */
  #settle(): void {
    this.#timer?.cancel()
    let wait = Infinity
    for (const [key, { ttl, isMissing }] of this.#known) {
      if (!isMissing) continue
      const excuse = this.#context.contact.excuse(ttl)
      if (excuse === 0) this.#known.delete(key)
      else wait = Math.min(wait, excuse)
    }
    if (wait < Infinity) {
      this.#timer = this.#context.runtime.setTimer(() => {
        this.#settle()
      }, wait)
    }
    this.#tell()
    this.#endIfIdle()
  }

  #isStale(): boolean {
    if (!this.#isCurrent || this.#context.contact.isLost()) return true
    for (const { isMissing } of this.#known.values()) if (isMissing) return true
    return false
  }

  #tell(): void {
    this.#sorted = undefined
    this.#list = undefined
    for (const reader of [...this.#readers]) reader.changed()
  }

  /** A service that is no more is not watched for ever. */
  #endIfIdle(): void {
    if (this.#readers.size === 0 && this.#known.size === 0) this.#end(undefined)
  }

  #end(error: { readonly reason: unknown } | undefined): void {
    if (this.#ended) return
    this.#ended = true
    this.#timer?.cancel()
    this.#context.contact.unlisten(this)
    this.#watching.abort()
    this.#onEnd()
    for (const reader of [...this.#readers]) reader.ended(error)
  }
}

const byKey = (a: { readonly key: string }, b: { readonly key: string }): number =>
  compareKeys(a.key, b.key)
