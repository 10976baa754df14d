import type { Call, Observation, Observer, Scope } from '@libkv/core'
import type { ConsulClient } from './consul-client.ts'
import { MAX_BLOCKING_CONNECTIONS } from './consul-endpoint.ts'
import { ConsulFeed } from './consul-feed.ts'
import type { ResolvedConsulOptions } from './consul-options.ts'

/** Refuses a prefix that looks empty because the token may not read it. */
export type AccessCheck = (prefix: string, call: Call) => Promise<void>

/**
 * The feeds of a store: one for each scope, however many watch it.
 *
 * As many of them as there are connections for it wait in a blocking query. Those beyond ask in turn, twice a second, until
 * one of the others is given up. So the number of watches is not limited by what the server allows in connections.
 */
export class ConsulFeeds {
  readonly #client: ConsulClient
  readonly #options: ResolvedConsulOptions
  readonly #access: AccessCheck
  readonly #feeds = new Map<string, ConsulFeed>()
  #blocking = 0

  constructor(client: ConsulClient, options: ResolvedConsulOptions, access: AccessCheck) {
    this.#client = client
    this.#options = options
    this.#access = access
  }

  observe(scope: Scope, observer: Observer): Observation {
    const id = 'prefix' in scope ? `${scope.prefix}*` : scope.key
    let feed = this.#feeds.get(id)
    if (feed?.ended !== false) {
      const opened = new ConsulFeed(this.#client, this.#options, scope, {
        access: this.#access,
        takeSlot: () => {
          if (this.#blocking >= MAX_BLOCKING_CONNECTIONS) return false
          this.#blocking++
          return true
        },
        giveSlot: () => {
          this.#blocking--
        },
        ended: () => {
          if (this.#feeds.get(id) === opened) this.#feeds.delete(id)
        },
      })
      this.#feeds.set(id, opened)
      feed = opened
    }
    return feed.attach(observer)
  }

  close(): void {
    for (const feed of [...this.#feeds.values()]) feed.close()
  }
}
