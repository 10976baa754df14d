import { backoff, sleep } from '@libkv/core/recipe'
import { isLibkvError } from '@libkv/core'
import type { Runtime, Store, Timer } from '@libkv/core'

/**
 * How long an instance has at least to come back after an outage, in milliseconds: to find a server again, which may be
 * choosing a leader, and to register anew.
 */
const RETURN_TIME = 5_000

/** Entries that live longer than this need no rarer questions, in milliseconds. */
const LONGEST_TTL = 30_000

/** What {@link Contact} tells those who use it. */
export interface ContactListener {
  /** The store does not answer. */
  lost(): void
  /** It does so again. */
  recovered(): void
}

/**
 * Knows whether the store has been answering all the time, by asking it something small again and again.
 *
 * An entry that goes means one of two things: its instance has stopped renewing it, or nobody could renew anything. A store
 * that was out of reach for a third of a time to live may have let entries expire, so after such an outage everybody gets
 * a whole time to live, counted from the first answer, in which to be back: whoever is alive has used it. An instance
 * that died after that answer cannot expire before, so that those who die in healthy times are not excused.
 */
export class Contact {
  readonly #store: Store
  readonly #key: string
  readonly #runtime: Runtime
  readonly #listeners = new Set<ContactListener>()
  /** The shortest time to live that was heard of. */
  #ttl: number
  /** When the last request was sent that has been answered. */
  #proof = 0
  #lost = false
  /** When the store answered again after the last outage. */
  #recoveredAt = -Infinity
  #alarm: Timer | undefined
  #asking: AbortController | undefined

  constructor(store: Store, key: string, ttl: number, runtime: Runtime) {
    this.#store = store
    this.#key = key
    this.#ttl = Math.min(ttl, LONGEST_TTL)
    this.#runtime = runtime
  }

  /** Whether the store is out of reach. It looks at the clock, so it is right even after a blocked event loop. */
  isLost(): boolean {
    if (this.#asking !== undefined && this.#runtime.now() > this.#deadline) this.#lose()
    return this.#lost
  }

  /**
   * How long from now, in milliseconds, an entry with that time to live may be missing without its instance being gone; 0 when
   * there is no excuse, Infinity as long as there is no end to the outage.
   */
  excuse(ttl: number): number {
    if (this.isLost()) return Infinity
    const end = this.#recoveredAt + Math.max(ttl, RETURN_TIME)
    return Math.max(0, end - this.#runtime.now())
  }

  /** Tells it of an entry with that time to live. */
  expect(ttl: number): void {
    this.#ttl = Math.min(this.#ttl, Math.max(ttl, this.#store.capabilities.ttl.min))
  }

  /** The store is asked for as long as anybody listens. */
  listen(listener: ContactListener): void {
    this.#listeners.add(listener)
    if (this.#asking !== undefined) return
    this.#asking = new AbortController()
    this.#proof = this.#runtime.now()
    void this.#ask(this.#asking.signal)
  }

  unlisten(listener: ContactListener): void {
    this.#listeners.delete(listener)
    if (this.#listeners.size > 0) return
    this.#asking?.abort()
    this.#asking = undefined
    this.#alarm?.cancel()
    this.#lost = false
  }

  /** Sessions are renewed every third of their time, and are given up early on some backends: this is less than they bear. */
  get #patience(): number {
    return this.#ttl / 4
  }

  get #deadline(): number {
    return this.#proof + this.#patience
  }

  async #ask(signal: AbortSignal): Promise<void> {
    for (let failures = 0; ;) {
      const sentAt = this.#runtime.now()
      const isAnswered = await this.#isAnswered(signal)
      if (signal.aborted) return
      if (isAnswered) this.#answered(sentAt)
      else this.#lose()
      failures = isAnswered ? 0 : failures + 1
      const wait = isAnswered ? this.#patience / 2 : backoff(this.#runtime, failures, 10, 250)
      await sleep(this.#runtime, wait, signal).catch(() => undefined)
    }
  }

  /** Also to be refused is to be answered. */
  async #isAnswered(signal: AbortSignal): Promise<boolean> {
    try {
      await this.#store.exists(this.#key, { signal, timeout: Math.max(1_000, this.#patience) })
      return true
    } catch (error) {
      return isLibkvError(error) && !error.retryable
    }
  }

  #answered(sentAt: number): void {
    const wasLost = this.isLost()
    this.#proof = sentAt
    this.#armAlarm()
    if (!wasLost) return
    this.#lost = false
    this.#recoveredAt = this.#runtime.now()
    for (const listener of [...this.#listeners]) listener.recovered()
  }

  #armAlarm(): void {
    this.#alarm?.cancel()
    const wait = Math.max(0, this.#deadline - this.#runtime.now()) + 1
    this.#alarm = this.#runtime.setTimer(() => this.isLost(), wait, false)
  }

  #lose(): void {
    if (this.#lost) return
    this.#lost = true
    for (const listener of [...this.#listeners]) listener.lost()
  }
}
