import assert from 'node:assert/strict'
import type { KVPair, Store } from '@libkv/core'
import { Onlooker } from './onlooker.ts'
import { ModelStore } from './model-store.ts'
import type { ModelPair } from './model-store.ts'

/** The model of one program: the store as it should be, and the pairs that the program has got hold of. */
export class Model {
  readonly store: ModelStore = new ModelStore()
  /** Beside {@link Subject.pairs}, one for one. */
  readonly pairs: ModelPair[] = []
}

/** The store under test in one program. */
export class Subject {
  readonly kv: Store
  readonly pairs: KVPair[] = []
  readonly onlooker: Onlooker
  /** What the store calls the writes of the model. */
  readonly #revisions = new Map<number, bigint>()
  #latest = 0n

  constructor(kv: Store) {
    this.kv = kv
    this.onlooker = new Onlooker(kv)
  }

  /** Notes what the store calls a write, which must be later than all before. */
  wrote(written: number, revision: bigint): void {
    assert.equal(typeof revision, 'bigint')
    assert.ok(revision > this.#latest, `revision ${String(revision)} does not grow`)
    this.#latest = revision
    this.#revisions.set(written, revision)
  }

  /** Fails unless the pair is what the model says, to the last byte and revision. */
  same(pair: KVPair | null | undefined, expected: ModelPair | null): void {
    if (expected === null || pair === null || pair === undefined) {
      assert.equal(pair, expected)
      return
    }
    const { key, value, revision, createRevision } = pair
    assert.deepEqual(
      { key, value: Buffer.from(value).toString('latin1'), revision, createRevision },
      {
        key: expected.key,
        value: expected.value,
        revision: this.#revisions.get(expected.written),
        createRevision: this.#revisions.get(expected.created),
      },
    )
  }
}
