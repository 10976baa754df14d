import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals'
import { check, put, remove } from '@libkv/core'
import type { Store } from '@libkv/core'
import { consul } from '@libkv/consul'
import { RequestCounter, startServers, waitFor } from '../../../tooling/servers/index.ts'
import type { Servers } from '../../../tooling/servers/index.ts'
import { MINIMUM_TTL } from './support.ts'

describe('the round trips of Consul', () => {
  let servers: Servers<'consul'>
  let counter: RequestCounter
  let kv: Store

  beforeAll(async () => {
    servers = await startServers('consul')
    counter = await RequestCounter.to(servers.endpoints[0] ?? '')
    kv = consul([counter.endpoint], { minimumTtl: MINIMUM_TTL })
    await kv.ready()
  })
  beforeEach(async () => {
    await kv.put('key', 'value')
    for (let i = 0; i < 5; i++) await kv.put(`tree/${String(i)}`, 'value')
    counter.reset()
  })
  afterEach(() => {
    counter.reset()
  })
  afterAll(async () => {
    await kv.close()
    await counter[Symbol.asyncDispose]()
    await servers[Symbol.asyncDispose]()
  })

  const calls: [what: string, trips: number, call: () => Promise<unknown>][] = [
    ['get', 1, () => kv.get('key')],
    ['get of what is absent', 1, () => kv.get('none')],
    ['a stale get', 1, () => kv.get('key', { consistency: 'stale' })],
    ['exists', 1, () => kv.exists('key')],
    ['put of a key that exists', 1, () => kv.put('key', 'x')],
    ['put of a new key', 1, () => kv.put(`new/${String(Math.random())}`, 'x')],
    ['put with a ttl', 2, () => kv.put('key', 'x', { ttl: 5_000 })],
    ['delete', 1, () => kv.delete('key')],
    ['delete of what is absent', 1, () => kv.delete('none')],
    ['list', 1, () => kv.list('tree')],
    ['keys', 1, () => kv.keys('tree')],
    ['deleteTree', 1, () => kv.deleteTree('tree')],
    [
      'transaction',
      1,
      () => kv.transaction([check('none', null), put('key', 'y'), remove('tree/1')]),
    ],
    ['atomicPut that creates', 1, () => kv.atomicPut(`new/${String(Math.random())}`, 'x', null)],
    ['atomicPut that conflicts', 1, () => kv.atomicPut('key', 'x', null).catch(() => undefined)],
    ['session', 1, () => kv.session({ ttl: 60_000 })],
  ]
  for (const [what, trips, call] of calls) {
    it(`takes ${String(trips)} for ${what}`, async () => {
      await call()
      expect(counter.total).toBe(trips)
    })
  }

  it('takes 1 for atomicPut and atomicDelete of a pair', async () => {
    const pair = await kv.get('key')
    counter.reset()
    const next = await kv.atomicPut('key', 'x', pair)
    expect(counter.total).toBe(1)
    await kv.atomicDelete('key', next)
    expect(counter.total).toBe(2)
  })

  it('takes 1 for a list of 10,001 keys', async () => {
    const writes = Array.from({ length: 10_001 }, (_, i) => put(`many/${String(i)}`, ''))
    for (let i = 0; i < writes.length; i += 64) await kv.transaction(writes.slice(i, i + 64))
    counter.reset()
    expect(await kv.list('many')).toHaveLength(10_001)
    expect(counter.total).toBe(1)
  })

  it('takes 2 to write over a key that is bound to a session: a refusal tells to which', async () => {
    const session = await kv.session()
    await kv.put('bound', '1', { session })
    counter.reset()
    await kv.put('bound', '2')
    expect(counter.total).toBe(2)
    await session.close()
    expect((await kv.get('bound'))?.text()).toBe('2')
  })

  it('takes 2 for a value over 383 KiB, which is too much for a transaction', async () => {
    const value = Buffer.alloc(384 * 1024, 7)
    await kv.put('large', value.subarray(0, 383 * 1024))
    expect(counter.total).toBe(1)
    counter.reset()
    const { revision } = await kv.put('large', value)
    expect(counter.total).toBe(2)
    expect((await kv.get('large'))?.revision).toBe(revision)
  })

  it('takes 2 for a transaction of 64 puts: who holds the keys is asked before', async () => {
    const writes = Array.from({ length: 64 }, (_, i) => put(`tree/${String(i)}`, ''))
    await kv.transaction(writes)
    expect(counter.total).toBe(2)
    counter.reset()
    await kv.transaction(writes.slice(0, 32))
    expect(counter.total).toBe(1)
  })

  it('takes 4 and a watch for a lock that is free, and 1 to give it back', async () => {
    const held = await kv.newLock('lock').lock()
    // A session, a contender, the line, the value.
    expect(counter.count('PUT /v1/session/create')).toBe(1)
    expect(counter.count('PUT /v1/txn')).toBe(2)
    expect(counter.count('GET /v1/kv/.libkv/lock/lock/')).toBe(1)
    await waitFor(() => counter.count('GET /v1/kv/lock') === 2, { what: 'the watch' })
    expect(counter.total).toBe(6)
    counter.reset()
    await held.unlock()
    expect(counter.total).toBe(1)
  })
})
