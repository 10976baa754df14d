import assert from 'node:assert/strict'
import type { KVPair, Operation, Value } from '@libkv/core'
import { group, withoutTransactions } from '../group.ts'
import type { CaseGroup } from '../group.ts'
import { misuse } from '../refusal.ts'

const notValues: Readonly<Record<string, unknown>> = {
  undefined,
  null: null,
  'a number': 7,
  'an object': { length: 1 },
  'an array of numbers': [1, 2],
  'an array of wider numbers': new Uint16Array([1]),
  'a DataView': new DataView(new ArrayBuffer(1)),
  'an ArrayBuffer': new ArrayBuffer(1),
}

const notPairs: Readonly<Record<string, unknown>> = {
  undefined,
  'a number': 7,
  'a text': '7',
  'an empty object': {},
  'a pair with revisions that are numbers': { revision: 1, createRevision: 1 },
}

export const misuseCases: CaseGroup = group('misuse', ({ it, target }) => {
  const transactions = withoutTransactions(target)

  for (const [what, value] of Object.entries(notValues)) {
    it(`takes ${what} as a value for a TypeError`, async ({ kv, key }) => {
      await misuse(kv.put(key(), value as Value))
      await misuse(kv.atomicPut(key(), value as Value, null))
      assert.equal(await kv.exists(key()), false)
    })
  }

  for (const [what, pair] of Object.entries(notPairs)) {
    it(`takes ${what} as a previous pair for a TypeError`, async ({ kv, key }) => {
      await kv.put(key(), 'v')
      await misuse(kv.atomicPut(key(), 'new', pair as KVPair))
      await misuse(kv.atomicDelete(key(), pair as KVPair))
      assert.equal((await kv.get(key()))?.text(), 'v')
    })
  }

  it('takes null as the pair to delete for a TypeError', async ({ kv, key }) => {
    await misuse(kv.atomicDelete(key(), null as unknown as KVPair))
  })

  it(
    'takes operations that are no array for a TypeError',
    async ({ kv }) => {
      await misuse(kv.transaction('put' as unknown as Operation[]))
      await misuse(kv.transaction(undefined as unknown as Operation[]))
    },
    transactions,
  )

  it(
    'takes an operation of an unknown type for a TypeError',
    async ({ kv, key }) => {
      const operation = { type: 'increment', key: key() } as unknown as Operation
      await misuse(kv.transaction([operation]))
    },
    transactions,
  )

  it(
    'takes an operation that is none for a TypeError',
    async ({ kv }) => {
      await misuse(kv.transaction([null as unknown as Operation]))
      await misuse(kv.transaction(['put' as unknown as Operation]))
    },
    transactions,
  )
})
