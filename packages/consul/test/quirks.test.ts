import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { put } from '@libkv/core'
import type { Store } from '@libkv/core'
import { consul } from '@libkv/consul'
import Consul from 'consul'
import { waitFor } from '@libkv/testing'
import { runningServers } from '@libkv/testing/backend-cases/running-servers'
import { FaultProxy, RequestCounter, startServers } from '@libkv/testing/servers'
import type { Servers } from '@libkv/testing/servers'

/** What Consul and npm `consul` make of it comes first in each case, and then what libkv makes of that. */
describe('a habit of Consul', () => {
  let servers: Servers<'consul'>
  let kv: Store
  let raw: Consul
  beforeAll(async () => {
    servers = await startServers('consul')
    const { hostname, port } = new URL(servers.endpoints[0] ?? '')
    raw = new Consul({ host: hostname, port: Number(port) })
    kv = consul(servers.endpoints)
    await kv.ready()
  })
  afterAll(async () => {
    raw.destroy()
    await kv.close()
    await servers[Symbol.asyncDispose]()
  })

  it('to drop a write of the same bytes lets two compare-and-sets win; ours lets one', async () => {
    await raw.kv.set('raw', 'same')
    const { ModifyIndex: cas } = (await raw.kv.get('raw')) as unknown as { ModifyIndex: number }
    expect(await raw.kv.set({ key: 'raw', value: 'same', cas })).toBe(true)
    expect(await raw.kv.set({ key: 'raw', value: 'same', cas })).toBe(true)
    const before = await kv.put('ours', 'same')
    const outcomes = await Promise.allSettled([
      kv.atomicPut('ours', 'same', before),
      kv.atomicPut('ours', 'same', before),
    ])
    expect(outcomes.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected'])
  })

  it('to have strings for values destroys bytes; ours survive', async () => {
    const bytes = Uint8Array.from({ length: 256 }, (_, i) => i)
    await kv.put('bytes', bytes)
    const read = (await raw.kv.get('bytes')) as unknown as { Value: string }
    expect(Buffer.from(read.Value)).not.toEqual(Buffer.from(bytes))
    expect(Buffer.from((await kv.get('bytes'))?.value ?? [])).toEqual(Buffer.from(bytes))
  })

  it('to have null for an empty value is an empty value', async () => {
    await raw.kv.set('empty', '')
    expect((await raw.kv.get('empty')) as unknown).toMatchObject({ Value: null })
    expect((await kv.get('empty'))?.value).toHaveLength(0)
  })

  it('to answer false becomes undefined in the package; ours says what is wrong', async () => {
    await raw.kv.set('answer', 'x')
    expect(await raw.kv.set({ key: 'answer', value: 'y', cas: 1 })).toBeUndefined()
    await expect(kv.atomicPut('answer', 'y', null)).rejects.toMatchObject({ code: 'KEY_EXISTS' })
  })

  it('to delete what is absent without a word is told apart', async () => {
    expect(await raw.kv.del('absent')).toBe(true)
    expect(await kv.delete('absent')).toBe(false)
    await kv.put('absent', 'x')
    expect(await kv.delete('absent')).toBe(true)
  })

  it('to take a prefix for a directory deletes its neighbours; ours stay', async () => {
    for (const key of ['p/foo', 'p/foo/a', 'p/foobar']) await kv.put(key, 'x')
    expect(await kv.deleteTree('p/foo')).toBe(2)
    expect(await kv.keys('p')).toEqual(['p/foobar'])
    await raw.kv.del({ key: 'p/foo', recurse: true } as never)
    expect(await kv.keys('p')).toEqual([])
  })

  it("to have a folder for a key with a slash at its end takes it along, but not the library's keys", async () => {
    await using app = consul(servers.endpoints, { namespace: 'folder' })
    for (const key of ['folder/', 'folder/a/', 'folder/.libkv/own']) await raw.kv.set(key, '')
    await app.put('a/b', 'x')
    expect(await app.keys('')).toEqual(['a/b'])
    expect(await app.deleteTree('')).toBe(3)
    expect(await raw.kv.keys('folder/')).toEqual(['folder/.libkv/own'])
    expect(await kv.deleteTree('folder')).toBe(1)
  })

  it('to leave a key bound that is written by others would take it away; ours is permanent', async () => {
    const session = await kv.session()
    await kv.put('raw-bound', '1', { session })
    await kv.put('our-bound', '1', { session })
    await raw.kv.set('raw-bound', '2')
    await kv.put('our-bound', '2')
    await session.close()
    expect(await kv.exists('raw-bound')).toBe(false)
    expect((await kv.get('our-bound'))?.text()).toBe('2')
  })

  it('to have less room in a transaction than in a value is hidden: 512 KiB go, and come back', async () => {
    const value = Buffer.alloc(512 * 1024, 'x')
    const before = await kv.put('large', value)
    expect((await kv.get('large'))?.revision).toBe(before.revision)
    const next = await kv.atomicPut('large', value, before)
    expect(next.revision).toBeGreaterThan(before.revision)
    expect(next.createRevision).toBe(before.createRevision)
    await expect(kv.atomicPut('large', value, before)).rejects.toMatchObject({
      code: 'KEY_MODIFIED',
    })
    await expect(kv.atomicPut('large', value, null)).rejects.toMatchObject({ code: 'KEY_EXISTS' })
    await kv.delete('large')
    await expect(kv.atomicPut('large', value, next)).rejects.toMatchObject({
      code: 'KEY_NOT_FOUND',
    })
    await kv.atomicPut('large', value, null)
    const session = await kv.session()
    await kv.put('large', value, { session })
    await kv.put('large', value)
    const other = await kv.session()
    await kv.put('large-bound', value, { session })
    await kv.put('large-bound', value, { session: other })
    await session.close()
    expect((await kv.get('large'))?.value).toHaveLength(512 * 1024)
    expect((await kv.get('large-bound'))?.value).toHaveLength(512 * 1024)
    await other.close()
    expect(await kv.exists('large-bound')).toBe(false)
    await expect(kv.transaction([put('large', value), put('more', value)])).rejects.toMatchObject({
      code: 'VALUE_TOO_LARGE',
      ambiguous: false,
    })
  })

  it('to give many writers of one large value the revision of another is hidden', async () => {
    const values = Array.from({ length: 6 }, (_, i) => Buffer.alloc(400 * 1024, String(i)))
    const pairs = await Promise.all(values.map((value) => kv.put('contended', value)))
    expect(new Set(pairs.map(({ revision }) => revision)).size).toBe(6)
    const last = await kv.get('contended')
    const winner = pairs.find(({ revision }) => revision === last?.revision)
    expect(winner?.text()[0]).toBe(last?.text()[0])
  })

  it('to refuse a path with what is not printable is hidden', async () => {
    await expect(raw.kv.get('odd/a\u200db')).rejects.toMatchObject({ statusCode: 400 })
    await kv.put('odd/a\u200db', 'x')
    expect(await kv.keys('odd')).toEqual(['odd/a\u200db'])
    expect((await kv.get('odd/a\u200db'))?.text()).toBe('x')
    expect(await kv.list('odd/a\u200db')).toEqual([])
  })

  it('to have no more than 64 operations in a transaction leaves room for 64 of ours', async () => {
    const keys = Array.from({ length: 64 }, (_, i) => `full/${String(i)}`)
    const { revision } = await kv.transaction(keys.map((key) => put(key, 'x')))
    expect((await kv.list('full')).every((pair) => pair.revision === revision)).toBe(true)
  })

  it('to answer 404 where a directory is empty is an empty directory', async () => {
    await expect(raw.kv.keys('nothing/')).rejects.toMatchObject({ statusCode: 404 })
    expect(await raw.kv.get({ key: 'nothing/', recurse: true } as never)).toBeUndefined()
    expect(await kv.keys('nothing')).toEqual([])
    expect(await kv.list('nothing')).toEqual([])
  })

  it('to let a compare-and-delete of what is absent succeed is told apart', async () => {
    const pair = await kv.put('cas-absent', 'x')
    await kv.delete('cas-absent')
    expect(await raw.kv.del({ key: 'cas-absent', cas: 1 } as never)).toBe(true)
    await expect(kv.atomicDelete('cas-absent', pair)).rejects.toMatchObject({
      code: 'KEY_NOT_FOUND',
    })
  })

  it('to write an empty value for 0, false and null is none of ours: bytes and text alone are values', async () => {
    await raw.kv.set({ key: 'falsy', value: 0 } as never)
    expect((await kv.get('falsy'))?.value).toHaveLength(0)
    for (const value of [0, false, null, undefined]) {
      await expect(kv.put('falsy', value as never)).rejects.toThrow(TypeError)
    }
  })

  it('to round large flags in JSON leaves the numbers that ours have exact', async () => {
    const seen = new Set<number>()
    for (let i = 0; i < 20; i++) {
      await kv.put('flags', 'same')
      const { Flags } = (await raw.kv.get('flags')) as unknown as { Flags: number }
      expect(Number.isSafeInteger(Flags)).toBe(true)
      seen.add(Flags)
    }
    expect(seen.size).toBe(20)
  })

  it('to refuse a datacenter that is not there with 500 is INVALID_OPTION', async () => {
    const { hostname, port } = new URL(servers.endpoints[0] ?? '')
    const elsewhere = new Consul({ host: hostname, port: Number(port), defaults: { dc: 'mars' } })
    await expect(elsewhere.kv.get('key')).rejects.toMatchObject({ statusCode: 500 })
    elsewhere.destroy()
    await using ours = consul(servers.endpoints, { datacenter: 'mars' })
    const refused = { code: 'INVALID_OPTION', retryable: false }
    await expect(ours.get('key')).rejects.toMatchObject(refused)
    await expect(ours.put('key', 'x')).rejects.toMatchObject(refused)
  })

  it('to wait for ever on an agent that hangs is ended by a deadline, a cancelled call by its signal', async () => {
    await using proxy = await FaultProxy.to(servers.endpoints[0] ?? '')
    await using ours = consul([proxy.endpoint])
    await ours.put('hung', 'x')
    proxy.blackhole()
    await expect(ours.get('hung', { timeout: 200 })).rejects.toMatchObject({ code: 'TIMEOUT' })
    const controller = new AbortController()
    const call = ours.get('hung', { signal: controller.signal })
    controller.abort(new Error('changed my mind'))
    await expect(call).rejects.toThrow('changed my mind')
  })

  it('to begin LockIndex anew is no matter: our token goes on', async () => {
    const lockOf = async (id: string): Promise<number> => {
      expect(await raw.kv.set({ key: 'raw-lock', value: 'x', acquire: id })).toBe(true)
      const entry = (await raw.kv.get('raw-lock')) as unknown as { LockIndex: number }
      return entry.LockIndex
    }
    const session = await kv.session()
    expect(await lockOf(session.id)).toBe(1)
    await raw.kv.del('raw-lock')
    expect(await lockOf(session.id)).toBe(1)
    await raw.kv.set('raw-lock', 'by a stranger')
    expect((await raw.kv.get('raw-lock')) as unknown).toMatchObject({ LockIndex: 0 })
    const first = await kv.newLock('our-lock', { session }).lock()
    await first.unlock()
    await kv.deleteTree('')
    const second = await kv.newLock('our-lock', { session }).lock()
    expect(second.token).toBeGreaterThan(first.token)
    await session.close()
  })

  it('to let anybody overwrite what is locked costs no holder its lock, to delete it does', async () => {
    const held = await kv.newLock('advisory').lock()
    await raw.kv.set('advisory', 'by a stranger')
    await kv.get('advisory')
    expect(held.isHeld()).toBe(true)
    await raw.kv.del('advisory')
    await waitFor(() => !held.isHeld(), { what: 'the holder to notice' })
    expect(held.signal.reason).toMatchObject({ code: 'LOCK_LOST' })
  })

  it('to refuse a session that is gone with 500 is SESSION_EXPIRED, at a write and at a renewal', async () => {
    const session = await kv.session({ ttl: 20_000 })
    await raw.session.destroy(session.id)
    await expect(
      raw.kv.set({ key: 'gone', value: 'x', acquire: session.id }),
    ).rejects.toMatchObject({ statusCode: 500 })
    await expect(kv.put('gone', 'x', { session })).rejects.toMatchObject({
      code: 'SESSION_EXPIRED',
      ambiguous: false,
    })
    expect(session.isAlive()).toBe(false)
    const other = await kv.session({ ttl: 20_000 })
    await raw.session.destroy(other.id)
    await waitFor(() => !other.isAlive(), { what: 'a renewal' })
    expect(other.signal.reason).toMatchObject({ code: 'SESSION_EXPIRED' })
  })

  it('to take a session to health checks and a lock delay is asked for otherwise', async () => {
    const byDefault = await raw.session.create({})
    const session = await kv.session({ ttl: 30_000 })
    const info = async (id: string): Promise<unknown> => raw.session.get(id)
    expect(await info(byDefault.ID)).toMatchObject({
      NodeChecks: ['serfHealth'],
      LockDelay: 15_000_000_000,
      Behavior: 'release',
    })
    expect(await info(session.id)).toMatchObject({
      NodeChecks: [],
      LockDelay: 0,
      Behavior: 'delete',
      // Consul lets it live twice as long.
      TTL: '15000ms',
    })
    await session.close()
    await raw.session.destroy(byDefault.ID)
  })

  it('to wake for every write where nothing is does not tell the watch of a key or directory that is there', async () => {
    await using counter = await RequestCounter.to(servers.endpoints[0] ?? '')
    await using watching = consul([counter.endpoint])
    await kv.put('calm/key', 'x')
    const key = watching.watch('calm/key')[Symbol.asyncIterator]()
    const tree = watching.watchTree('calm')[Symbol.asyncIterator]()
    await Promise.all([key.next(), tree.next()])
    await waitFor(
      () => counter.count('GET /v1/kv/calm/key') === 2 && counter.count('GET /v1/kv/calm/') === 2,
      { what: 'both to wait' },
    )
    for (let i = 0; i < 100; i++) await kv.put('storm', String(i))
    expect(counter.count('GET /v1/kv/calm/key')).toBe(2)
    expect(counter.count('GET /v1/kv/calm/')).toBe(2)
    // The last key of a directory wakes it, too.
    await kv.delete('calm/key')
    expect(await key.next()).toEqual({ done: false, value: null })
    expect((await tree.next()).value?.pairs).toEqual([])
    await key.return?.()
    await tree.return?.()
  })

  it('to end a blocking query when nothing has happened, some time after its wait, goes unnoticed', async () => {
    await using counter = await RequestCounter.to(servers.endpoints[0] ?? '')
    await using watching = consul([counter.endpoint])
    await kv.put('quiet', 'x')
    const states = watching.watch('quiet')[Symbol.asyncIterator]()
    await states.next()
    const queries = (): number => counter.count('GET /v1/kv/quiet')
    await waitFor(() => queries() === 3, { what: 'the second blocking query' })
    await kv.put('quiet', 'y')
    expect((await states.next()).value?.text()).toBe('y')
    await states.return?.()
  })

  it('to answer with states merges writes, and shows the last', async () => {
    const texts: (string | undefined)[] = []
    await kv.put('fast', '0')
    const states = kv.watch('fast')[Symbol.asyncIterator]()
    await states.next()
    await Promise.all([
      (async () => {
        for (let i = 1; i <= 200; i++) await kv.put('fast', String(i))
      })(),
      (async () => {
        while (texts.at(-1) !== '200') texts.push((await states.next()).value?.text())
      })(),
    ])
    expect(texts.length).toBeLessThanOrEqual(200)
    expect(texts).toEqual([...texts].sort((a, b) => Number(a) - Number(b)))
    await states.return?.()
  })

  it('to take plain HTTP on its TLS port for a bad request is NOT_REACHABLE', async () => {
    await using secure = await startServers('consul', { security: 'tls' })
    const plain = (secure.endpoints[0] ?? '').replace('https:', 'http:')
    await using ours = consul([plain], { connectionTimeout: 500 })
    await expect(ours.put('key', 'x')).rejects.toMatchObject({ code: 'NOT_REACHABLE' })
  })

  it('to open a connection for each request is capped', async () => {
    const calls = Array.from({ length: 1_000 }, (_, i) => kv.put(`burst/${String(i)}`, 'x'))
    await Promise.all(calls)
    expect(await kv.keys('burst')).toHaveLength(1_000)
  })
})

describe('the limit of connections that Consul has by default', () => {
  const args = ['-hcl', 'limits { http_max_conns_per_client = 200 }']
  const servers = runningServers('consul', { args })

  it('resets what npm consul opens beyond, and nothing of ours', async () => {
    const { hostname, port } = new URL(servers().endpoints[0] ?? '')
    const raw = new Consul({ host: hostname, port: Number(port) })
    const burst = Array.from({ length: 512 }, () => raw.kv.get('key'))
    const failures = (await Promise.allSettled(burst)).filter(({ status }) => status === 'rejected')
    expect(failures.length).toBeGreaterThan(0)
    raw.destroy()
    await using kv = consul(servers().endpoints)
    // What the server counts it counts for a moment longer.
    await waitFor(() => kv.get('key').then(() => true), { what: 'the server to be free again' })
    await Promise.all(Array.from({ length: 512 }, () => kv.get('key')))
  })

  it('leaves calls room beside any number of watches, which wait on connections of their own', async () => {
    await using kv = consul(servers().endpoints)
    const watches = Array.from({ length: 100 }, (_, i) =>
      kv.watchTree(`tree-${String(i)}`)[Symbol.asyncIterator](),
    )
    await Promise.all(watches.map((watch) => watch.next()))
    // A blocking query takes ten seconds.
    for (let i = 0; i < 10; i++) await kv.get('key', { timeout: 8_000 })
    await Promise.all(watches.map(async (watch) => watch.return?.()))
  })
})
