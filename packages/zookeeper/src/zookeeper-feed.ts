import { BackgroundCall, backoff } from '@libkv/core/driver'
import { isLibkvError } from '@libkv/core'
import type { Observation, Observer } from '@libkv/core/driver'
import type { Timer } from '@libkv/core'
import type { StateEvent } from './client/index.ts'
import type { ZooKeeperConnection } from './zookeeper-connection.ts'
import { errorOf } from './zookeeper-errors.ts'
import type { ResolvedZooKeeperOptions } from './zookeeper-options.ts'

/** What a feed needs of its store. */
export interface FeedContext {
  readonly connection: ZooKeeperConnection
  readonly options: ResolvedZooKeeperOptions
}

/**
 * A change feed: reads whenever something may have changed, one read at a time, and again when one has failed. ZooKeeper's
 * watches tell that something has changed and not what it has become, and a new session has none.
 */
export abstract class ZooKeeperFeed implements Observation {
  protected readonly context: FeedContext
  protected readonly observer: Observer
  readonly #stopListening: () => void
  readonly #unref: () => void
  #call: BackgroundCall | undefined
  #retry: Timer | undefined
  #isRunning = false
  /** Whether something has happened since the last read began. */
  #isDue = false
  #failures = 0
  #closed = false

  constructor(context: FeedContext, observer: Observer) {
    this.context = context
    this.observer = observer
    this.#stopListening = context.connection.client.onState((event) => {
      this.stateChanged(event)
    })
    this.#unref = context.connection.client.ref()
  }

  get isClosed(): boolean {
    return this.#closed
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#stopListening()
    this.#retry?.cancel()
    this.#call?.cancel()
    this.unwatch()
    this.#unref()
  }

  /** Reads what is due and tells the observer, unless {@link isClosed}. */
  protected abstract read(call: BackgroundCall): Promise<void>
  /** Lets go of the watches. */
  protected abstract unwatch(): void
  protected abstract stateChanged(event: StateEvent): void

  /** Something may have changed. */
  protected due(): void {
    this.#isDue = true
    if (!this.#isRunning && this.#retry === undefined) void this.#run()
  }

  async #run(): Promise<void> {
    this.#isRunning = true
    try {
      while (this.#isDue && !this.#closed) {
        this.#isDue = false
        await this.#readOnce()
        this.#failures = 0
      }
    } catch (error) {
      this.#failed(errorOf(error))
    } finally {
      this.#isRunning = false
    }
  }

  async #readOnce(): Promise<void> {
    const { runtime, requestTimeout, connectionTimeout } = this.context.options
    const call = new BackgroundCall(runtime, requestTimeout, connectionTimeout)
    this.#call = call
    try {
      await this.read(call)
    } finally {
      call.done()
    }
  }

  #failed(error: unknown): void {
    if (this.#closed) return
    this.#isDue = true
    if (!isLibkvError(error) || !(error.retryable || error.code === 'BACKEND_ERROR')) {
      this.close()
      this.observer.fail(error as Error)
      return
    }
    const { runtime } = this.context.options
    const wait = backoff(runtime, this.#failures++, 20, 1_000)
    this.#retry = runtime.setTimer(() => {
      this.#retry = undefined
      void this.#run()
    }, wait)
  }
}
