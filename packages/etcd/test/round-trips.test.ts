import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals'
import { check, put, remove } from '@libkv/core'
import type { Store } from '@libkv/core'
import { etcd } from '@libkv/etcd'
import { RequestCounter, startServers, waitFor } from '../../../tooling/servers/index.ts'
import type { Servers } from '../../../tooling/servers/index.ts'

describe('the round trips of etcd', () => {
  let servers: Servers<'etcd'>
  let counter: RequestCounter
  let kv: Store

  beforeAll(async () => {
    servers = await startServers('etcd')
    counter = await RequestCounter.to(servers.endpoints[0] ?? '')
    kv = etcd([counter.endpoint])
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

  it('takes 1 per page of 10,000 keys for list', async () => {
    const writes = Array.from({ length: 10_001 }, (_, i) => put(`many/${String(i)}`, ''))
    for (let i = 0; i < writes.length; i += 64) await kv.transaction(writes.slice(i, i + 64))
    counter.reset()
    expect(await kv.list('many')).toHaveLength(10_001)
    expect(counter.total).toBe(2)
  })

  it('takes 4 and a watch for a lock that is free, and 1 to give it back', async () => {
    const held = await kv.newLock('lock').lock()
    await waitFor(() => counter.count('/etcdserverpb.Watch/Watch') > 0, { what: 'the watch' })
    const unary = (): number => counter.total - counter.count('/etcdserverpb.Watch/Watch')
    // A lease, a contender, the line, the value; and the read with which the holder's watch begins.
    expect(unary()).toBe(5)
    counter.reset()
    await held.unlock()
    expect(unary()).toBe(1)
  })
})
