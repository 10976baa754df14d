import assert from 'node:assert/strict'
import { compareKeys } from '@libkv/core'
import type { KVPair, Store, TreeSnapshot } from '@libkv/core'
import { iterate } from '../../iterate.ts'

const PATIENCE = 10_000

/** Follows a whole store by its changes alone, and holds each snapshot against what they add up to. */
export class Onlooker {
  readonly #states: AsyncIterator<TreeSnapshot, undefined>
  readonly #tree = new Map<string, KVPair>()
  #revision = -1n
  #reading: Promise<void> | undefined
  #onState: (() => void) | undefined

  constructor(kv: Store) {
    this.#states = iterate(kv.watchTree(''))
  }

  /** Waits for the first state; an eager reader then takes each one as it comes, another one takes the last. */
  async begin(isEager: boolean): Promise<void> {
    await this.#next()
    if (isEager) void this.#read()
  }

  /** Reads on until the tree is what it should be in the end; fails when that does not come. */
  async arrive(expected: readonly KVPair[]): Promise<void> {
    const goal = describe(expected)
    const arrived = new Promise<void>((resolve) => {
      this.#onState = () => {
        if (describe(this.#sorted()) === goal) resolve()
      }
      this.#onState()
    })
    await within(Promise.race([arrived, this.#read().then(() => arrived)]))
  }

  /** Looks no further. What it waits for still ends with the store at the latest. */
  end(): void {
    void this.#states.return?.()
  }

  #read(): Promise<void> {
    const readOn = async (): Promise<void> => {
      while (await this.#next()) this.#onState?.()
    }
    this.#reading ??= readOn()
    // It is asked in the end.
    this.#reading.catch(() => undefined)
    return this.#reading
  }

  #sorted(): KVPair[] {
    return [...this.#tree.values()].sort((a, b) => compareKeys(a.key, b.key))
  }

  async #next(): Promise<boolean> {
    const isFirst = this.#revision === -1n
    const { value } = await this.#states.next()
    if (value === undefined) return false
    const { changes, pairs, revision } = value
    assert.ok(revision >= this.#revision, 'the revision of a watch went backwards')
    assert.ok(isFirst || changes.length > 0, 'a watch has delivered a state twice')
    this.#revision = revision
    for (const { type, key, pair, previous } of changes) {
      assert.equal(previous?.revision, this.#tree.get(key)?.revision)
      if (type === 'delete') assert.ok(this.#tree.delete(key), `${key} is deleted twice`)
      else this.#tree.set(key, pair)
    }
    assert.equal(describe(pairs), describe(this.#sorted()))
    return true
  }
}

function describe(pairs: readonly KVPair[]): string {
  return pairs
    .map(
      ({ key, value, revision }) =>
        `${key} ${String(revision)} ${Buffer.from(value).toString('hex')}`,
    )
    .join('\n')
}

async function within<T>(work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => {
      reject(new assert.AssertionError({ message: 'the watch does not deliver the last state' }))
    }, PATIENCE)
  })
  return Promise.race([work, late]).finally(() => {
    clearTimeout(timer)
  })
}
