import type { Observation, Observer, Scope } from '@libkv/core/driver'
import { BackgroundWork } from '@libkv/core/driver'
import type { ConsulAccess } from './consul-access.ts'
import type { ConsulClient } from './consul-client.ts'
import { MAX_BLOCKING_CONNECTIONS } from './consul-endpoint.ts'
import { ConsulFeed } from './consul-feed.ts'
import type { Surroundings } from './consul-feed.ts'
import type { ResolvedConsulOptions } from './consul-options.ts'
import { OWN_QUERIES, WatchedDirectory } from './consul-watched-directory.ts'

/**
 * The feeds of a store: one for each scope, however many watch it.
 *
 * As many of them as there are connections for it wait in a blocking query. Of the keys of one directory a few do, and the
 * others listen to one query on the directory. What is beyond all that asks in turn, twice a second, until a connection
 * is free. So the number of watches is not limited by what the server allows in connections.
 */
export class ConsulFeeds {
  readonly #client: ConsulClient
  readonly #access: ConsulAccess
  readonly #options: ResolvedConsulOptions
  readonly #background: BackgroundWork
  readonly #feeds = new Map<string, ConsulFeed>()
  readonly #directories = new Map<string, WatchedDirectory>()
  #blocking = 0

  constructor(client: ConsulClient, access: ConsulAccess, options: ResolvedConsulOptions) {
    this.#client = client
    this.#access = access
    this.#options = options
    this.#background = new BackgroundWork(options)
  }

  observe(scope: Scope, observer: Observer): Observation {
    if ('prefix' in scope) return this.#attach(`tree ${scope.prefix}`, scope, observer)
    const directory = this.#directoryOf(scope.key)
    return this.#attach(`key ${scope.key}`, scope, observer, directory && this.#within(directory))
  }

  close(): void {
    for (const feed of [...this.#feeds.values()]) feed.close()
  }

  #attach(
    id: string,
    scope: Scope,
    observer: Observer,
    particular?: Partial<Surroundings>,
  ): Observation {
    const known = this.#feeds.get(id)
    if (known?.ended === false) return known.attach(observer)
    if (particular?.directory !== undefined) particular.directory.watched++
    const feed = new ConsulFeed(scope, {
      client: this.#client,
      access: this.#access,
      options: this.#options,
      takeSlot: () => this.#takeSlot(),
      giveSlot: () => this.#giveSlot(),
      ...particular,
      ended: () => {
        if (this.#feeds.get(id) === feed) this.#feeds.delete(id)
        particular?.ended?.()
      },
    })
    this.#feeds.set(id, feed)
    return feed.attach(observer)
  }

  #takeSlot(): boolean {
    if (this.#blocking >= MAX_BLOCKING_CONNECTIONS) return false
    this.#blocking++
    return true
  }

  #giveSlot(): void {
    this.#blocking--
  }

  /** Of keys at the top there is none: it would be the whole store. */
  #directoryOf(key: string): WatchedDirectory | undefined {
    const prefix = key.slice(0, key.lastIndexOf('/') + 1)
    if (prefix === '') return undefined
    let directory = this.#directories.get(prefix)
    if (directory === undefined) {
      directory = new WatchedDirectory(prefix, (shared) => this.#share(shared))
      this.#directories.set(prefix, directory)
    }
    return directory
  }

  /** What a key's feed finds in a directory. */
  #within(directory: WatchedDirectory): Partial<Surroundings> {
    return {
      directory,
      takeSlot: () => {
        if (directory.isShared && directory.queries >= OWN_QUERIES) return false
        if (!this.#takeSlot()) return false
        directory.queries++
        return true
      },
      giveSlot: () => {
        directory.queries--
        this.#giveSlot()
      },
      ended: () => {
        directory.watched--
        this.#leave(directory)
      },
    }
  }

  #share(directory: WatchedDirectory): Observation {
    // Where nothing is hidden, a key that is not in the answer is gone, and need not be asked for.
    this.#background.start((call) => this.#access.mayHide(call))
    const { prefix } = directory
    return this.#attach(sharedId(prefix), { prefix }, directory, {
      maxBody: () => directory.allow(),
      isWanted: () => directory.isWanted,
      ended: () => {
        this.#leave(directory)
      },
    })
  }

  /** A feed that lingers belongs to its directory, which may be watched again. */
  #leave({ prefix, watched }: WatchedDirectory): void {
    if (watched === 0 && !this.#feeds.has(sharedId(prefix))) this.#directories.delete(prefix)
  }
}

const sharedId = (prefix: string): string => `keys of ${prefix}`
