import type { Entry, Observer } from '@libkv/core/driver'
import { FeedState } from './consul-feed-state.ts'

/** Who watches a scope, and the state that they know of. */
export class FeedAudience {
  /** Those who have been told a state get the changes to it. */
  readonly #observers = new Map<Observer, 'new' | 'informed'>()
  /** Those who have not been told the state yet; it must be one that was read after they came. */
  #newcomers: Observer[] = []
  state: FeedState | undefined
  /** How many answers were taken. */
  version = 0

  get size(): number {
    return this.#observers.size
  }

  get hasNewcomers(): boolean {
    return this.#newcomers.length > 0
  }

  add(observer: Observer): void {
    this.#observers.set(observer, 'new')
    this.#newcomers.push(observer)
  }

  remove(observer: Observer): void {
    this.#observers.delete(observer)
    this.#newcomers = this.#newcomers.filter((newcomer) => newcomer !== observer)
  }

  /** Those who are to be {@link welcome}d with what is read from now on. */
  takeNewcomers(): readonly Observer[] {
    const newcomers = this.#newcomers
    this.#newcomers = []
    return newcomers
  }

  /** What was read for them has been lost. */
  putBack(newcomers: readonly Observer[]): void {
    const present = newcomers.filter((observer) => this.#observers.has(observer))
    this.#newcomers.unshift(...present)
  }

  welcome(newcomers: readonly Observer[]): void {
    const { state } = this
    if (state === undefined) return
    for (const observer of newcomers) {
      if (!this.#observers.has(observer)) continue
      this.#observers.set(observer, 'informed')
      observer.snapshot(state.entries, state.revision)
    }
  }

  /** Takes the state that the server has answered with. Whether it told anything new. */
  take(entries: readonly Entry[], index: number): boolean {
    this.version++
    if (this.state === undefined) {
      this.state = new FeedState(entries, index)
      this.welcome(this.takeNewcomers())
      return true
    }
    const { changes, revision, wentBack } = this.state.advance(entries, index)
    if (changes.length === 0) return false
    for (const [observer, status] of [...this.#observers]) {
      if (status === 'new') continue
      if (wentBack) observer.snapshot(this.state.entries, revision)
      else observer.changes(changes, revision)
    }
    return true
  }

  get all(): readonly Observer[] {
    return [...this.#observers.keys()]
  }
}
