import { backoff } from '../calls/backoff.ts'
import type { Timer } from '../contract/runtime.ts'
import { BackgroundCall } from './background-call.ts'
import type { CallTiming } from './background-call.ts'
import type { Entry, Observation, Observer } from './driver.ts'
import { FeedAudience } from './feed-audience.ts'
import { heals } from './heals.ts'

/** The first and the longest wait after a failure, in ms. */
const FIRST_WAIT = 20
const LONGEST_WAIT = 1_000

/**
 * The change feed of one scope, for all of its observers. It runs a read whenever one is due, one at a time; after a failure that
 * {@link heals} it runs it again, with backoff; any other failure ends it, and so does the departure of the last observer. A backend
 * implements the read, which may also open a stream that makes the next read due.
 *
 * An observer that comes later makes a read due that reports a snapshot: what it receives first is never older than its arrival.
 */
export abstract class Feed {
  /** Called once when the feed ends. */
  onClose: (() => void) | undefined
  readonly #audience = new FeedAudience()
  readonly #timing: CallTiming
  #call: BackgroundCall | undefined
  #retry: Timer | undefined
  #isRunning = false
  #isDue = false
  /** Whether observers came since the last read began. */
  #hasNewcomers = false
  #failures = 0
  #isClosed = false

  constructor(timing: CallTiming) {
    this.#timing = timing
  }

  get isClosed(): boolean {
    return this.#isClosed
  }

  /**
   * Adds an observer. It receives nothing before this returns.
   *
   * @param known - the assumed state of the key, which spares a read where the server or this feed confirms it.
   */
  attach(observer: Observer, known?: Entry): Observation {
    const member = this.#audience.add(observer, known)
    // All that come at once share a read.
    if (!this.#hasNewcomers) {
      this.#hasNewcomers = true
      queueMicrotask(() => {
        this.#welcome()
      })
    }
    return {
      close: () => {
        this.#audience.remove(member)
        if (this.#audience.isEmpty) this.deserted()
      },
    }
  }

  /** Ends the feed. The observers receive nothing more. Idempotent. */
  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#retry?.cancel()
    this.#call?.cancel()
    this.release()
    this.onClose?.()
  }

  /** What the read reports goes to. */
  protected get observer(): Required<Observer> {
    return this.#audience
  }

  /** Reads what is due and reports it to the observer, unless {@link isClosed}. */
  protected abstract read(call: BackgroundCall): Promise<void>

  /**
   * Makes the next read, which follows, report a snapshot. The first read reports one in any case.
   *
   * @param known - the assumed state of the key, which the read may report if the server confirms it.
   */
  protected abstract restart(known: Entry | undefined): void

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

  /** Whether nobody observes the feed. */
  protected get isDeserted(): boolean {
    return this.#audience.isEmpty
  }

  /** The last observer has left: ends the feed, unless a backend keeps it for the next one. */
  protected deserted(): void {
    this.close()
  }

  /** Ends the feed, or makes a read due after a wait that grows with each failure. */
  protected failed(error: unknown): void {
    if (this.#isClosed) return
    if (!heals(error)) {
      this.close()
      this.#audience.fail(error as Error)
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

  #welcome(): void {
    if (this.#isClosed) return
    this.#hasNewcomers = this.#audience.welcome()
    if (this.#hasNewcomers) this.due()
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
    if (this.#hasNewcomers) {
      this.#hasNewcomers = false
      this.restart(this.#audience.cover())
    }
    try {
      await this.read(call)
    } finally {
      call.done()
    }
  }
}
