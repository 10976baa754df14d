import { beforeEach, describe, expect, it } from '@jest/globals'
import { check, put, remove } from '@libkv/core'
import type { KVPair, Store } from '@libkv/core'
import { waitFor } from '../wait-for.ts'
import type { CountedStore } from './counted-store.ts'

const calls = {
  get: (kv) => kv.get('key'),
  'get of what is absent': (kv) => kv.get('none'),
  'a stale get': (kv) => kv.get('key', { consistency: 'stale' }),
  exists: (kv) => kv.exists('key'),
  'put of a key that exists': (kv) => kv.put('key', 'x'),
  'put of a new key': (kv) => kv.put(newKey(), 'x'),
  'put with a ttl': (kv) => kv.put('key', 'x', { ttl: 5_000 }),
  delete: (kv) => kv.delete('key'),
  'delete of what is absent': (kv) => kv.delete('none'),
  list: (kv) => kv.list('tree'),
  keys: (kv) => kv.keys('tree'),
  deleteTree: (kv) => kv.deleteTree('tree'),
  transaction: (kv) => kv.transaction([check('none', null), put('key', 'y'), remove('tree/1')]),
  'atomicPut that creates': (kv) => kv.atomicPut(newKey(), 'x', null),
  'atomicPut that conflicts': (kv) => kv.atomicPut('key', 'x', null).catch(() => undefined),
  'atomicPut of a pair': (kv, pair) => kv.atomicPut('key', 'x', pair),
  'atomicDelete of a pair': (kv, pair) => kv.atomicDelete('key', pair),
  session: (kv) => kv.session({ ttl: 60_000 }),
  // At the end: it deletes the directories that calls before it find.
  'deleteTree of the whole store': (kv) => kv.deleteTree(''),
} satisfies Record<string, (kv: Store, pair: KVPair) => Promise<unknown>>

/** How many round trips the calls take that take more than one, and a lock. */
export interface RoundTrips extends Partial<Record<keyof typeof calls, number>> {
  readonly 'list of 10,001 keys'?: number
  /** Of one that is free, with the watch over the holder's key. */
  readonly lock: number
  readonly unlock: number
}

/** Counts what goes over the wire for each call: one round trip, if `trips` does not say otherwise. */
export function roundTripCases(counted: CountedStore, trips: RoundTrips): void {
  describe('the number of round trips', () => {
    let pair: KVPair
    beforeEach(async () => {
      const { kv, counter } = counted
      pair = await kv.put('key', 'value')
      await kv.transaction(Array.from({ length: 5 }, (_, i) => put(`tree/${String(i)}`, 'value')))
      counter.reset()
    })

    for (const [what, call] of Object.entries(calls)) {
      const expected = trips[what as keyof typeof calls] ?? 1
      it(`is ${String(expected)} for ${what}`, async () => {
        await call(counted.kv, pair)
        expect(counted.counter.total).toBe(expected)
      })
    }

    const pages = trips['list of 10,001 keys'] ?? 1
    it(`is ${String(pages)} for a list of 10,001 keys`, async () => {
      const { kv, direct, counter } = counted
      const writes = Array.from({ length: 10_001 }, (_, i) => put(`many/${String(i)}`, ''))
      for (let i = 0; i < writes.length; i += 64) await direct.transaction(writes.slice(i, i + 64))
      counter.reset()
      expect(await kv.list('many')).toHaveLength(10_001)
      expect(counter.total).toBe(pages)
    })

    it(`is ${String(trips.lock)} for a lock that is free, and ${String(trips.unlock)} to give it back`, async () => {
      const { kv, counter } = counted
      const held = await kv.newLock('lock').lock()
      await waitFor(() => counter.total >= trips.lock, { what: 'the watch' })
      expect(counter.total).toBe(trips.lock)
      // Its answer follows that of the watch, with which the next request would count as one trip.
      await kv.get('lock')
      counter.reset()
      await held.unlock()
      expect(counter.total).toBe(trips.unlock)
    })
  })
}

let count = 0

function newKey(): string {
  return `new/${String(++count)}`
}
