import type { Observation, Observer, Scope } from './driver.ts'
import type { Feed } from './feed.ts'

/** The feeds of a store: one for each scope, which all observers of the scope share. */
export class SharedFeeds {
  readonly #open: (scope: Scope) => Feed
  readonly #feeds = new Map<string, Feed>()

  /** @param open - creates the feed of a scope. */
  constructor(open: (scope: Scope) => Feed) {
    this.#open = open
  }

  observe(scope: Scope, observer: Observer): Observation {
    const isKey = 'key' in scope
    const id = isKey ? `key ${scope.key}` : `prefix ${scope.prefix}`
    let feed = this.#feeds.get(id)
    if (feed === undefined) {
      feed = this.#open(scope)
      feed.onClose = () => {
        this.#feeds.delete(id)
      }
      this.#feeds.set(id, feed)
    }
    return feed.attach(observer, isKey ? scope.known : undefined)
  }

  /** Ends the feeds that are kept although nobody observes them. */
  close(): void {
    for (const feed of [...this.#feeds.values()]) feed.close()
  }
}
