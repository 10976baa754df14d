import { beforeEach, describe, expect, it } from '@jest/globals'
import { put } from '@libkv/core'
import { lockQueueDirectory } from '@libkv/core/driver'
import { waitFor } from '@libkv/testing'
import { countedStore } from '@libkv/testing/backend-cases/counted-store'
import { roundTripCases } from '@libkv/testing/backend-cases/round-trips'
import { consulUnderTest } from './consul-under-test.ts'

describe('Consul', () => {
  const counted = countedStore(consulUnderTest)

  roundTripCases(counted, {
    // The session and the put.
    'put with a ttl': 2,
    // The names at the top, and their deletion.
    'deleteTree of the whole store': 2,
    // A session, a contender, the line, the value; two for the watch over the holder's key.
    lock: 6,
    unlock: 1,
  })

  describe('takes', () => {
    beforeEach(() => {
      counted.counter.reset()
    })

    it('2 to write over a key that is bound to a session: a refusal tells to which', async () => {
      const { kv, counter } = counted
      const session = await kv.session()
      await kv.put('bound', '1', { session })
      counter.reset()
      await kv.put('bound', '2')
      expect(counter.total).toBe(2)
      await session.close()
      expect((await kv.get('bound'))?.text()).toBe('2')
    })

    it('2 for a value over 383 KiB, which is too much for a transaction', async () => {
      const { kv, counter } = counted
      const value = Buffer.alloc(384 * 1024, 7)
      await kv.put('large', value.subarray(0, 383 * 1024))
      expect(counter.total).toBe(1)
      counter.reset()
      const { revision } = await kv.put('large', value)
      expect(counter.total).toBe(2)
      expect((await kv.get('large'))?.revision).toBe(revision)
    })

    it('2 for a transaction of 64 puts: who holds the keys is asked before', async () => {
      const { kv, counter } = counted
      const writes = Array.from({ length: 64 }, (_, i) => put(`tree/${String(i)}`, ''))
      await kv.transaction(writes)
      expect(counter.total).toBe(2)
      counter.reset()
      await kv.transaction(writes.slice(0, 32))
      expect(counter.total).toBe(1)
    })

    it('a session, two transactions and a read of the line for a lock that is free', async () => {
      const { kv, counter } = counted
      const held = await kv.newLock('lock').lock()
      expect(counter.count('PUT /v1/session/create')).toBe(1)
      expect(counter.count('PUT /v1/txn')).toBe(2)
      expect(counter.count(`GET /v1/kv/${lockQueueDirectory('lock')}/`)).toBe(1)
      await waitFor(() => counter.count('GET /v1/kv/lock') === 1, { what: 'the watch' })
      await held.unlock()
    })
  })
})
