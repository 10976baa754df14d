import { BackgroundWork, SharedFeeds } from '@libkv/core/driver'
import type { Observation, Observer, Scope } from '@libkv/core/driver'
import type { ConsulAccess } from './consul-access.ts'
import type { ConsulClient } from './consul-client.ts'
import { MAX_BLOCKING_CONNECTIONS } from './consul-endpoint.ts'
import { ConsulFeed } from './consul-feed.ts'
import type { FeedContext } from './consul-feed-context.ts'
import type { ResolvedConsulOptions } from './consul-options.ts'
import { WatchedDirectory } from './consul-watched-directory.ts'

/**
 * The feeds of a store, and the connections that they wait on.
 *
 * As many feeds as there are connections for it wait in a blocking query. Of the keys of one directory a few do, and the others
 * listen to one query on the directory. The rest reads twice a second until a connection is free. So the number of watches is not
 * limited by the connections that the server allows.
 */
export class ConsulFeeds {
  readonly #context: FeedContext
  readonly #background: BackgroundWork
  readonly #feeds: SharedFeeds
  readonly #directories = new Map<string, WatchedDirectory>()
  #blocking = 0

  constructor(client: ConsulClient, access: ConsulAccess, options: ResolvedConsulOptions) {
    this.#background = new BackgroundWork(options)
    this.#context = {
      client,
      access,
      options,
      takeSlot: () => {
        if (this.#blocking >= MAX_BLOCKING_CONNECTIONS) return false
        this.#blocking++
        return true
      },
      giveSlot: () => {
        this.#blocking--
      },
    }
    this.#feeds = new SharedFeeds((scope) => {
      const directory = 'key' in scope ? this.#directoryOf(scope.key) : undefined
      return new ConsulFeed(scope, directory?.contextOfKey(this.#context) ?? this.#context)
    })
  }

  observe(scope: Scope, observer: Observer): Observation {
    return this.#feeds.observe(scope, observer)
  }

  close(): void {
    this.#feeds.close()
    for (const directory of this.#directories.values()) directory.close()
  }

  /** Keys at the top have none: it would be the whole store. */
  #directoryOf(key: string): WatchedDirectory | undefined {
    const prefix = key.slice(0, key.lastIndexOf('/') + 1)
    if (prefix === '') return undefined
    let directory = this.#directories.get(prefix)
    if (directory === undefined) {
      directory = new WatchedDirectory({
        open: (particular) => this.#openDirectory(prefix, particular),
        onUnused: () => {
          this.#directories.delete(prefix)
        },
      })
      this.#directories.set(prefix, directory)
    }
    return directory
  }

  #openDirectory(prefix: string, particular: Partial<FeedContext>): ConsulFeed {
    // Where nothing is hidden, a key that is not in the answer is gone, and need not be read.
    this.#background.start((call) => this.#context.access.mayHide(call))
    return new ConsulFeed({ prefix }, { ...this.#context, ...particular })
  }
}
