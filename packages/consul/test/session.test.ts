import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import type { Store } from '@libkv/core'
import { consul } from '@libkv/consul'
import { atMost, waitFor } from '@libkv/testing'
import { tellsLossFirst } from '@libkv/testing/backend-cases/session-faults'
import { renewal } from '@libkv/testing/backend-cases/renewal'
import { FaultProxy, startServers } from '@libkv/testing/servers'
import type { Servers } from '@libkv/testing/servers'
import { MINIMUM_TTL, sessionsOf } from './support.ts'

const options = { minimumTtl: MINIMUM_TTL }

describe('sessions of Consul', () => {
  let servers: Servers<'consul'>
  let proxy: FaultProxy
  let direct: Store
  beforeAll(async () => {
    servers = await startServers('consul')
    proxy = await FaultProxy.to(servers.endpoints[0] ?? '')
    direct = consul(servers.endpoints, options)
    await direct.ready()
  })
  afterAll(async () => {
    await direct.close()
    await proxy[Symbol.asyncDispose]()
    await servers[Symbol.asyncDispose]()
  })

  const isGone = async (key: string): Promise<boolean> => !(await direct.exists(key))

  it('give their keys away after the ttl that was asked for, not after twice that', async () => {
    const kv = consul([proxy.endpoint], { ...options, connectionTimeout: 2_000 })
    const ttl = 3_000
    const session = await kv.session({ ttl })
    await kv.put('bound', 'x', { session })
    await renewal(session.id)
    proxy.blackhole()
    const start = performance.now()
    await atMost(ttl + kv.capabilities.expirySlack, 'the end of the key', () =>
      waitFor(() => isGone('bound'), { what: 'the key to go' }),
    )
    expect(performance.now() - start).toBeGreaterThan(ttl / 3)
    expect(session.isAlive()).toBe(false)
    proxy.pass()
    proxy.cut()
    await kv.close()
  })

  it('tell the loss of a lock before the server gives it away', async () => {
    await using kv = consul([proxy.endpoint], options)
    await tellsLossFirst({ kv, direct, proxy })
  })

  it('leave no lock delay: a key can be taken as soon as it is free', async () => {
    const [one, other] = [await direct.session(), await direct.session()]
    await direct.put('delay', '1', { session: one })
    await one.close()
    // The delay is 15 s by default.
    await direct.put('delay', '2', { session: other, timeout: 10_000 })
    await other.close()
  })

  it('keep createRevision when a key goes from one to another, and back to nobody', async () => {
    const first = await direct.put('handed', '0')
    const [one, other] = [await direct.session(), await direct.session()]
    for (const write of [{ session: one }, { session: other }, {}, { session: one }, {}]) {
      const { createRevision } = await direct.put('handed', 'x', write)
      expect(createRevision).toBe(first.createRevision)
    }
    await one.close()
    await other.close()
    expect(await isGone('handed')).toBe(false)
  })

  it('lose their keys to a transaction of 64 puts without them', async () => {
    const { put } = await import('@libkv/core')
    const session = await direct.session()
    const keys = Array.from({ length: 64 }, (_, i) => `crowd/${String(i)}`)
    await direct.transaction(keys.map((key) => put(key, '1', { session })))
    await direct.transaction(keys.map((key) => put(key, '2')))
    await session.close()
    expect(await direct.keys('crowd')).toHaveLength(64)
  })

  it('are gone from the server after close, whatever was done', async () => {
    const before = (await sessionsOf(servers)).length
    const kv = consul(servers.endpoints, options)
    const session = await kv.session({ ttl: 60_000 })
    await kv.put('a', 'x', { session })
    await kv.newLock('l', { ttl: 60_000 }).lock()
    await kv.newLock('shared', { session }).lock()
    await kv.atomicPut('b', 'x', null, { ttl: 60_000 })
    await expect(kv.atomicPut('b', 'y', null, { ttl: 60_000 })).rejects.toMatchObject({
      code: 'KEY_EXISTS',
    })
    await kv.put('b', 'z', { ttl: 60_000 })
    await kv.put('c', 'z', { ttl: 60_000 })
    await kv.delete('c')
    const waiting = kv.newLock('l', { ttl: 60_000 }).lock()
    const aborted = new AbortController()
    const opening = kv.session({ ttl: 60_000, signal: aborted.signal })
    aborted.abort(new Error('changed my mind'))
    await expect(opening).rejects.toThrow('changed my mind')
    const closed = expect(waiting).rejects.toMatchObject({ code: 'CLOSED' })
    await kv.close()
    await closed
    // What is left is the session of b, a key with a time to live.
    await waitFor(async () => (await sessionsOf(servers)).length === before + 1, {
      what: 'one session',
    })
    await direct.deleteTree('')
  })

  it('let a key with a ttl live its time, and not twice that', async () => {
    const ttl = 2_000
    const start = performance.now()
    await direct.put('short', 'x', { ttl })
    await atMost(ttl + direct.capabilities.expirySlack, 'the end of the key', () =>
      waitFor(() => isGone('short'), { what: 'the key to go' }),
    )
    expect(performance.now() - start).toBeGreaterThan(ttl)
  })

  it('refuse a ttl that these servers do not take, saying which option is wrong', async () => {
    await using kv = consul(servers.endpoints, { minimumTtl: 100 })
    const refusal = { code: 'INVALID_OPTION', message: expect.stringMatching(/minimumTtl/) }
    await expect(kv.session({ ttl: 200 })).rejects.toMatchObject(refusal)
    await expect(kv.put('key', 'x', { ttl: 200 })).rejects.toMatchObject(refusal)
    expect(await kv.exists('key')).toBe(false)
  })

  it('have a fencing token that grows also after all traces of the lock were deleted', async () => {
    let last = 0n
    for (let i = 0; i < 3; i++) {
      const held = await direct.newLock('fenced').lock()
      expect(held.token).toBeGreaterThan(last)
      last = held.token
      await held.unlock()
      await direct.deleteTree('')
    }
  })

  it('go on through a restart of the server', async () => {
    await using kv = consul(servers.endpoints, options)
    const session = await kv.session({ ttl: 20_000 })
    await kv.put('kept', 'x', { session })
    await servers.nodes[0]?.restart()
    await waitFor(async () => (await kv.get('kept')) !== null, { what: 'the key' })
    expect(session.isAlive()).toBe(true)
  })

  it('are gone in time when their process dies at any step', async () => {
    const before = await sessionsOf(servers)
    const program = `
      import { consul } from '@libkv/consul'
      const kv = consul(${JSON.stringify(servers.endpoints)}, { minimumTtl: ${String(MINIMUM_TTL)} })
      await kv.session({ ttl: 2_000 })
      await kv.newLock('dies', { ttl: 2_000 }).lock()
      await kv.put('dies/ttl', 'x', { ttl: 2_000 })
      console.log('ready')
      // And some are between their session and its key when the end comes.
      for (;;) await kv.put('dies/again', 'x', { ttl: 2_000 })`
    const child = spawn(
      process.execPath,
      ['--conditions=@libkv/source', '--import', 'tsx', '--input-type=module', '--eval', program],
      { stdio: ['ignore', 'pipe', 'inherit'] },
    )
    await once(child.stdout, 'data')
    child.kill('SIGKILL')
    await once(child, 'exit')
    expect((await sessionsOf(servers)).length).toBeGreaterThan(before.length)
    await waitFor(async () => (await sessionsOf(servers)).length <= before.length, {
      what: 'the sessions to go',
    })
    expect(await direct.keys('dies')).toEqual([])
    expect(await direct.get('dies')).toBeNull()
  })
})
