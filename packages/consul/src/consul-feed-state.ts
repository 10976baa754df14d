import type { Change, Entry } from '@libkv/core/driver'

/** What has become of a scope since the answer before. */
export interface Difference {
  readonly changes: readonly Change[]
  readonly revision: bigint
  /** The server's history is not the one that was known: it was restored, or started anew. */
  readonly wentBack: boolean
}

/**
 * The state of a scope. Blocking queries answer with states, not with events: what was deleted, and what was deleted and
 * created again between two answers, shows in the difference.
 */
export class FeedState {
  #entries = new Map<string, Entry>()
  #revision: bigint

  constructor(entries: readonly Entry[], index: number) {
    for (const entry of entries) this.#entries.set(entry.key, entry)
    this.#revision = BigInt(index)
  }

  get entries(): readonly Entry[] {
    return [...this.#entries.values()]
  }

  get revision(): bigint {
    return this.#revision
  }

  advance(entries: readonly Entry[], index: number): Difference {
    const next = new Map<string, Entry>()
    const changes: Change[] = []
    let wentBack = false
    let revision = this.#revision > BigInt(index) ? this.#revision : BigInt(index)
    for (const entry of entries) {
      const before = this.#entries.get(entry.key)
      next.set(entry.key, entry)
      if (before?.revision === entry.revision && before.createRevision === entry.createRevision) {
        continue
      }
      if (before !== undefined && entry.revision <= before.revision) wentBack = true
      changes.push({ type: 'put', entry })
    }
    if (next.size < this.#entries.size + changes.length) {
      for (const key of this.#entries.keys()) {
        if (!next.has(key)) changes.push({ type: 'delete', key, revision })
      }
    }
    // Also where all is gone, or what there is has other names than before.
    wentBack ||= changes.length > 0 && BigInt(index) < this.#revision
    if (wentBack) revision = BigInt(index)
    this.#entries = next
    this.#revision = revision
    return { changes, revision, wentBack }
  }
}
