import { backoff } from '../calls/backoff.ts'
import type { Timer } from '../contract/runtime.ts'
import { BackgroundCall } from './background-call.ts'
import type { CallTiming } from './background-call.ts'
import type { Observation, Observer } from './driver.ts'
import { heals } from './heals.ts'

/** The first and the longest wait after a failure, in ms. */
const FIRST_WAIT = 20
const LONGEST_WAIT = 1_000

/**
 * A change feed of one scope. It runs a read whenever one is due, one at a time; after a failure that {@link heals} it runs
 * it again, with backoff; any other failure ends it. A backend implements the read, which may also open a stream that makes
 * the next read due.
 */
export abstract class Feed implements Observation {
  protected readonly observer: Observer
  readonly #timing: CallTiming
  #call: BackgroundCall | undefined
  #retry: Timer | undefined
  #isRunning = false
  #isDue = false
  #failures = 0
  #isClosed = false

  constructor(timing: CallTiming, observer: Observer) {
    this.#timing = timing
    this.observer = observer
  }

  get isClosed(): boolean {
    return this.#isClosed
  }

  /** Ends the feed. The observer receives nothing more. Idempotent. */
  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#retry?.cancel()
    this.#call?.cancel()
    this.release()
  }

  /** Reads what is due and reports it to the observer, unless {@link isClosed}. */
  protected abstract read(call: BackgroundCall): Promise<void>
  /** Releases streams, watches and listeners. Called once, by {@link close}. */
  protected abstract release(): void

  /** Makes a read due: something may have changed. */
  protected due(): void {
    this.#isDue = true
    if (!this.#isRunning && this.#retry === undefined) void this.#run()
  }

  /** Forgets earlier failures: the server has shown that it serves this feed. */
  protected succeeded(): void {
    this.#failures = 0
  }

  /** Ends the feed, or makes a read due after a wait that grows with each failure. */
  protected failed(error: unknown): void {
    if (this.#isClosed) return
    if (!heals(error)) {
      this.close()
      this.observer.fail(error as Error)
      return
    }
    this.#isDue = true
    const { runtime } = this.#timing
    const wait = backoff(runtime, this.#failures++, FIRST_WAIT, LONGEST_WAIT)
    this.#retry?.cancel()
    this.#retry = runtime.setTimer(() => {
      this.#retry = undefined
      void this.#run()
    }, wait)
  }

  async #run(): Promise<void> {
    this.#isRunning = true
    try {
      while (this.#isDue && !this.#isClosed) {
        this.#isDue = false
        await this.#readOnce()
      }
    } catch (error) {
      this.failed(error)
    } finally {
      this.#isRunning = false
    }
  }

  async #readOnce(): Promise<void> {
    const call = new BackgroundCall(this.#timing, this.#failures > 0)
    this.#call = call
    try {
      await this.read(call)
    } finally {
      call.done()
    }
  }
}
