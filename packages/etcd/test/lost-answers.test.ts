import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import type { Store } from '@libkv/core'
import { etcd } from '@libkv/etcd'
import { Etcd3 } from 'etcd3'
import { RequestCounter, startServers } from '../../../tooling/servers/index.ts'
import type { Servers } from '../../../tooling/servers/index.ts'

const TXN = '/etcdserverpb.KV/Txn'
const PUT = '/etcdserverpb.KV/Put'
const DELETE = '/etcdserverpb.KV/DeleteRange'
const RANGE = '/etcdserverpb.KV/Range'
const GRANT = '/etcdserverpb.Lease/LeaseGrant'

/** etcd3 as it comes repeats each of these writes, and then reports what its own first attempt did as somebody else's. */
describe('a write whose answer was lost', () => {
  let servers: Servers<'etcd'>
  let counter: RequestCounter
  let kv: Store
  let direct: Store

  beforeAll(async () => {
    servers = await startServers('etcd')
    counter = await RequestCounter.to(servers.endpoints[0] ?? '')
    kv = etcd([counter.endpoint])
    direct = etcd(servers.endpoints)
    await kv.ready()
  })
  afterAll(async () => {
    await kv.close()
    await direct.close()
    await counter[Symbol.asyncDispose]()
    await servers[Symbol.asyncDispose]()
  })

  const ambiguous = { ambiguous: true, retryable: true, backend: 'etcd' }

  it('is ambiguous, and a create is not called a conflict with itself', async () => {
    counter.reset()
    counter.loseNextAnswer(TXN)
    await expect(kv.atomicPut('create', 'mine', null)).rejects.toMatchObject(ambiguous)
    expect(counter.count(TXN)).toBe(1)
    expect((await direct.get('create'))?.text()).toBe('mine')
  })

  it('is ambiguous, and a delete is not called a miss', async () => {
    await kv.put('delete', 'x')
    counter.reset()
    counter.loseNextAnswer(DELETE)
    await expect(kv.delete('delete')).rejects.toMatchObject(ambiguous)
    expect(counter.count(DELETE)).toBe(1)
    expect(await direct.exists('delete')).toBe(false)
  })

  it('is ambiguous, and a put happens once', async () => {
    const before = await kv.put('put', '1')
    counter.reset()
    counter.loseNextAnswer(PUT)
    await expect(kv.put('put', '2')).rejects.toMatchObject(ambiguous)
    expect(counter.count(PUT)).toBe(1)
    const after = await direct.get('put')
    expect(after?.text()).toBe('2')
    expect(after?.revision).toBe(before.revision + 1n)
  })

  it('leaves reads alone: they are asked again', async () => {
    await kv.put('read', 'here')
    counter.reset()
    counter.loseNextAnswer(RANGE)
    expect((await kv.get('read'))?.text()).toBe('here')
    expect(counter.count(RANGE)).toBe(2)
  })

  it('leaves a lock neither a ghost in the line nor a second holder', async () => {
    for (const path of [GRANT, TXN, RANGE]) {
      counter.loseNextAnswer(path)
      const held = await kv.newLock('lock', { ttl: 2_000 }).lock({ timeout: 10_000 })
      expect(await direct.newLock('lock').tryLock()).toBeNull()
      await held.unlock()
      const next = await direct.newLock('lock').lock({ timeout: 10_000 })
      expect(next.token).toBeGreaterThan(held.token)
      await next.unlock()
    }
  })

  it('is repeated by etcd3 as it comes, which then reports a conflict with itself', async () => {
    const raw = new Etcd3({ hosts: [counter.endpoint] })
    try {
      await raw.get('warm').exists()
      counter.loseNextAnswer(TXN)
      const reply = await raw
        .if('control', 'Create', '==', 0)
        .then(raw.put('control').value('mine'))
        .commit()
      expect(reply.succeeded).toBe(false)
      expect(await raw.get('control').string()).toBe('mine')
    } finally {
      raw.close()
    }
  })
})
