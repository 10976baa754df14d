import assert from 'node:assert/strict'
import { isLibkvError } from '@libkv/core'
import type { ErrorCode, Store } from '@libkv/core'
import { samePair, textOf } from '../bytes.ts'
import { group } from '../group.ts'
import type { CaseGroup } from '../group.ts'
import type { Harness } from '../harness.ts'

/** Runs one attempt on each of several stores at once; checks that exactly one wins and how the others lose. */
async function race<T>(
  { kv, open }: Harness,
  losersCode: ErrorCode,
  attempt: (store: Store, index: number) => Promise<T>,
): Promise<T> {
  const stores = [kv, await open(), await open(), kv, kv]
  const outcomes = await Promise.allSettled(stores.map(attempt))
  const winners: T[] = []
  for (const outcome of outcomes) {
    if (outcome.status === 'fulfilled') winners.push(outcome.value)
    else assert.ok(isLibkvError(outcome.reason, losersCode), String(outcome.reason))
  }
  assert.equal(winners.length, 1, `${String(winners.length)} have won`)
  return winners[0] as T
}

const ROUNDS = 5

export const raceCases: CaseGroup = group('races', ({ it }) => {
  it('lets one of several creators win', async (harness) => {
    const { kv, key } = harness
    for (let round = 0; round < ROUNDS; round++) {
      const name = key(String(round))
      const won = await race(harness, 'KEY_EXISTS', (store, i) =>
        store.atomicPut(name, String(i), null),
      )
      samePair(await kv.get(name), won)
    }
  })

  it('lets one of several creators win that write the same bytes', async (harness) => {
    for (let round = 0; round < ROUNDS; round++) {
      const name = harness.key(String(round))
      await race(harness, 'KEY_EXISTS', (store) => store.atomicPut(name, 'same', null))
    }
  })

  it('lets one of several writers with the same pair win', async (harness) => {
    const { kv, key } = harness
    let pair = await kv.put(key(), 'start')
    for (let round = 0; round < ROUNDS; round++) {
      const previous = pair
      pair = await race(harness, 'KEY_MODIFIED', (store, i) =>
        store.atomicPut(key(), String(i), previous),
      )
      samePair(await kv.get(key()), pair)
    }
  })

  it('lets one of several writers win that write the bytes that are there', async (harness) => {
    const { kv, key } = harness
    let pair = await kv.put(key(), 'same')
    for (let round = 0; round < ROUNDS; round++) {
      const previous = pair
      pair = await race(harness, 'KEY_MODIFIED', (store) =>
        store.atomicPut(key(), 'same', previous),
      )
      samePair(await kv.get(key()), pair)
    }
  })

  it('lets one of several deleters with the same pair win', async (harness) => {
    const { kv, key } = harness
    for (let round = 0; round < ROUNDS; round++) {
      const pair = await kv.put(key(), 'v')
      await race(harness, 'KEY_NOT_FOUND', (store) => store.atomicDelete(key(), pair))
      assert.equal(await kv.exists(key()), false)
    }
  })

  it('lets a writer or a deleter win, not both', async ({ kv, key, open }) => {
    const other = await open()
    for (let round = 0; round < ROUNDS; round++) {
      const pair = await kv.put(key(), 'old')
      const [written, deleted] = await Promise.allSettled([
        kv.atomicPut(key(), 'new', pair),
        other.atomicDelete(key(), pair),
      ])
      assert.notEqual(written.status, deleted.status)
      const expected = written.status === 'fulfilled' ? 'new' : null
      assert.equal(textOf(await kv.get(key())), expected)
    }
  })

  it('loses none of the increments that several stores make', async ({ kv, key, open }) => {
    const stores = [kv, await open(), await open()]
    await kv.put(key(), '0')
    const increment = async (store: Store): Promise<void> => {
      for (let done = 0; done < 10;) {
        const pair = await store.get(key())
        try {
          await store.atomicPut(key(), String(Number(textOf(pair)) + 1), pair)
          done++
        } catch (error) {
          if (!isLibkvError(error, 'KEY_MODIFIED')) throw error
        }
      }
    }
    await Promise.all(stores.map(increment))
    assert.equal(textOf(await kv.get(key())), '30')
  })
})
