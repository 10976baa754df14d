import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import type { Store } from '@libkv/core'
import { etcd } from '@libkv/etcd'
import { Etcd3 } from 'etcd3'
import { FaultProxy, startServers, waitFor } from '../../../tooling/servers/index.ts'
import type { Servers } from '../../../tooling/servers/index.ts'

describe('leases of etcd', () => {
  let servers: Servers<'etcd'>
  let proxy: FaultProxy
  let direct: Store
  let raw: Etcd3
  beforeAll(async () => {
    servers = await startServers('etcd')
    proxy = await FaultProxy.to(servers.endpoints[0] ?? '')
    direct = etcd(servers.endpoints)
    raw = new Etcd3({ hosts: [...servers.endpoints] })
  })
  afterAll(async () => {
    raw.close()
    await direct.close()
    await proxy[Symbol.asyncDispose]()
    await servers[Symbol.asyncDispose]()
  })

  const leases = async (): Promise<number> => (await raw.leaseClient.leaseLeases()).leases.length

  it('tells the loss of a session before the server gives its keys away', async () => {
    await using kv = etcd([proxy.endpoint])
    const ttl = 3_000
    const held = await kv.newLock('partitioned', { ttl }).lock()
    const lost = new Promise<number>((resolve) => {
      held.signal.addEventListener('abort', () => {
        resolve(performance.now())
      })
    })
    const next = direct
      .newLock('partitioned')
      .lock()
      .then((lock) => ({ lock, at: performance.now() }))
    proxy.blackhole()
    const { lock, at } = await next
    expect(held.isHeld()).toBe(false)
    expect(await lost).toBeLessThan(at)
    expect(lock.token).toBeGreaterThan(held.token)
    await lock.unlock()
    proxy.pass()
    proxy.cut()
  })

  it("is told of it by etcd3's own lease only long after, for comparison", async () => {
    const client = new Etcd3({ hosts: [proxy.endpoint] })
    const lease = client.lease(2)
    await lease.put('control').value('x')
    let lostAt = Infinity
    lease.on('lost', () => {
      lostAt = performance.now()
    })
    proxy.blackhole()
    await waitFor(async () => !(await direct.exists('control')), { what: 'the key to go' })
    const goneAt = performance.now()
    await waitFor(() => lostAt < Infinity, { what: 'etcd3 to notice' })
    expect(lostAt - goneAt).toBeGreaterThan(500)
    proxy.pass()
    proxy.cut()
    client.close()
  })

  it('keep a session through a restart of the server', async () => {
    await using kv = etcd(servers.endpoints)
    const session = await kv.session({ ttl: 5_000 })
    await kv.put('bound', 'x', { session })
    await servers.nodes[0]?.restart()
    await waitFor(async () => (await kv.get('bound')) !== null, {
      what: 'the key after the restart',
    })
    expect(session.isAlive()).toBe(true)
  })

  it('are gone from the server after close, whatever was done', async () => {
    await waitFor(async () => (await leases()) === 0, { what: 'a server without leases' })
    const kv = etcd(servers.endpoints)
    const session = await kv.session({ ttl: 60_000 })
    await kv.put('a', 'x', { session })
    await kv.newLock('l', { ttl: 60_000 }).lock()
    await kv.newLock('shared', { session }).lock()
    await kv.atomicPut('b', 'x', null, { ttl: 60_000 })
    await expect(kv.atomicPut('b', 'y', null, { ttl: 60_000 })).rejects.toMatchObject({
      code: 'KEY_EXISTS',
    })
    const waiting = kv.newLock('l', { ttl: 60_000 }).lock()
    const aborted = new AbortController()
    const opening = kv.session({ ttl: 60_000, signal: aborted.signal })
    aborted.abort(new Error('changed my mind'))
    await expect(opening).rejects.toThrow('changed my mind')
    const closed = expect(waiting).rejects.toMatchObject({ code: 'CLOSED' })
    await kv.close()
    await closed
    // What is left is the lease of b, a key with a time to live.
    await waitFor(async () => (await leases()) === 1, { what: 'one lease' })
    await direct.delete('b')
    expect(await direct.keys('')).not.toContain('a')
  })

  it('refuse a ttl below the minimum of a server that is slow to elect, and leave nothing there', async () => {
    await using slow = await startServers('etcd', {
      runtime: servers.runtime === 'container' ? 'container' : 'process',
      args: ['--heartbeat-interval=500', '--election-timeout=5000'],
    })
    await using kv = etcd(slow.endpoints)
    const refusal = { code: 'INVALID_OPTION', message: expect.stringMatching(/no less than 8000/) }
    await expect(kv.session({ ttl: 1_000 })).rejects.toMatchObject(refusal)
    await expect(kv.put('key', 'x', { ttl: 1_000 })).rejects.toMatchObject(refusal)
    expect(await kv.exists('key')).toBe(false)
    const client = new Etcd3({ hosts: [...slow.endpoints] })
    expect((await client.leaseClient.leaseLeases()).leases).toEqual([])
    client.close()
    await (await kv.session({ ttl: 10_000 })).close()
  })
})
