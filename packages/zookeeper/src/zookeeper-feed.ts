import { Feed } from '@libkv/core/driver'
import type { BackgroundCall } from '@libkv/core/driver'
import type { StateEvent, WatchListener } from './client/index.ts'
import type { ZooKeeperContext } from './zookeeper-context.ts'
import { mapErrors } from './zookeeper-errors.ts'

/**
 * A change feed that reads whenever a watch fires. Watches of ZooKeeper report that a node has
 * changed, not its new state, and a new session has no watches.
 */
export abstract class ZooKeeperFeed extends Feed {
  protected readonly context: ZooKeeperContext
  readonly #stopListening: () => void
  readonly #unref: () => void

  constructor(context: ZooKeeperContext) {
    super(context.options)
    this.context = context
    this.#stopListening = context.connection.client.onState((event) => {
      this.stateChanged(event)
    })
    this.#unref = context.connection.client.ref()
  }

  /** Sets the watches, reads what is due and reports it, unless {@link isClosed}. */
  protected abstract readWatched(call: BackgroundCall): Promise<void>
  /** Removes the watches. */
  protected abstract unwatch(): void
  protected abstract stateChanged(event: StateEvent): void

  protected removeWatch(path: string, listener: WatchListener): void {
    void this.context.connection.client.removeWatch(path, listener).catch(() => undefined)
  }

  protected override async read(call: BackgroundCall): Promise<void> {
    await mapErrors(this.readWatched(call))
    this.succeeded()
  }

  protected override release(): void {
    this.#stopListening()
    this.unwatch()
    this.#unref()
  }
}
