import { Feed } from '@libkv/core/driver'
import type { BackgroundCall, Observer } from '@libkv/core/driver'
import type { StateEvent } from './client/index.ts'
import type { ZooKeeperConnection } from './zookeeper-connection.ts'
import { errorOf } from './zookeeper-errors.ts'
import type { ResolvedZooKeeperOptions } from './zookeeper-options.ts'

/** The parts of a store that its feeds use. */
export interface FeedContext {
  readonly connection: ZooKeeperConnection
  readonly options: ResolvedZooKeeperOptions
}

/**
 * A change feed that reads whenever something may have changed. Watches of ZooKeeper report that something has changed and
 * not what it has become, and a new session has none.
 */
export abstract class ZooKeeperFeed extends Feed {
  protected readonly context: FeedContext
  readonly #stopListening: () => void
  readonly #unref: () => void

  constructor(context: FeedContext, observer: Observer) {
    super(context.options, observer)
    this.context = context
    this.#stopListening = context.connection.client.onState((event) => {
      this.stateChanged(event)
    })
    this.#unref = context.connection.client.ref()
  }

  /** Reads what is due and sets the watches, unless {@link isClosed}. */
  protected abstract readWatched(call: BackgroundCall): Promise<void>
  /** Removes the watches. */
  protected abstract unwatch(): void
  protected abstract stateChanged(event: StateEvent): void

  protected override async read(call: BackgroundCall): Promise<void> {
    try {
      await this.readWatched(call)
    } catch (error) {
      throw errorOf(error)
    }
    this.succeeded()
  }

  protected override release(): void {
    this.#stopListening()
    this.unwatch()
    this.#unref()
  }
}
