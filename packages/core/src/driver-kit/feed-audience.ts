import type { Change, Entry, Observer } from './driver.ts'

/** One observer of a feed. */
export interface FeedMember {
  readonly observer: Observer
  /** The state of the key that the observer assumes. */
  readonly known: Entry | undefined
  /**
   * `waiting`: it came after the last read began, whose snapshot may be older than it. `covered`: it receives the next snapshot.
   * `informed`: it has received a snapshot, and receives changes.
   */
  stage: 'waiting' | 'covered' | 'informed'
}

/** The observers of one feed. Reports go to those that they are for. */
export class FeedAudience implements Observer {
  readonly #members = new Set<FeedMember>()
  /** The entry that was reported last, which is the state of a key; `null` where it is absent. */
  #last: Entry | null = null

  get isEmpty(): boolean {
    return this.#members.size === 0
  }

  add(observer: Observer, known: Entry | undefined): FeedMember {
    const member: FeedMember = { observer, known, stage: 'waiting' }
    this.#members.add(member)
    return member
  }

  remove(member: FeedMember): void {
    this.#members.delete(member)
  }

  /** Informs those that assume what the feed has reported already. Returns whether others wait for a snapshot. */
  welcome(): boolean {
    const last = this.#last
    if (last !== null) {
      for (const member of this.#members) {
        if (member.stage !== 'waiting' || !isSame(member.known, last)) continue
        member.stage = 'informed'
        member.observer.snapshot([last], last.revision)
      }
    }
    return [...this.#members].some(({ stage }) => stage === 'waiting')
  }

  /**
   * Assigns the next snapshot to all that wait: its read begins now.
   *
   * @returns the state of the key that all of them assume.
   */
  cover(): Entry | undefined {
    for (const member of this.#members) {
      if (member.stage === 'waiting') member.stage = 'covered'
    }
    const [first, ...others] = [...this.#members].filter(({ stage }) => stage === 'covered')
    return others.every(({ known }) => isSame(known, first?.known)) ? first?.known : undefined
  }

  snapshot(entries: readonly Entry[], revision: bigint): void {
    this.#last = entries[0] ?? null
    for (const member of this.#members) {
      if (member.stage === 'waiting') continue
      member.stage = 'informed'
      member.observer.snapshot(entries, revision)
    }
  }

  changes(changes: readonly Change[], revision: bigint): void {
    const last = changes.at(-1)
    if (last !== undefined) this.#last = last.type === 'put' ? last.entry : null
    for (const { stage, observer } of this.#members) {
      if (stage === 'informed') observer.changes(changes, revision)
    }
  }

  stirred(): void {
    for (const { observer } of this.#members) observer.stirred?.()
  }

  fail(error: Error): void {
    const members = [...this.#members]
    this.#members.clear()
    for (const { observer } of members) observer.fail(error)
  }
}

function isSame(a: Entry | undefined, b: Entry | undefined): boolean {
  return a?.revision === b?.revision && a?.createRevision === b?.createRevision
}
