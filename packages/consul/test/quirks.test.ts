import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { put } from '@libkv/core'
import type { Store } from '@libkv/core'
import { consul } from '@libkv/consul'
import Consul from 'consul'
import { startServers } from '../../../tooling/servers/index.ts'
import type { Servers } from '../../../tooling/servers/index.ts'

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

  it('to open a connection for each request is capped', async () => {
    const calls = Array.from({ length: 1_000 }, (_, i) => kv.put(`burst/${String(i)}`, 'x'))
    await Promise.all(calls)
    expect(await kv.keys('burst')).toHaveLength(1_000)
  })
})
