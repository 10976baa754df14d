import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals'
import { put } from '@libkv/core'
import type { Store } from '@libkv/core'
import { etcd } from '@libkv/etcd'
import { Etcd3 } from 'etcd3'
import { FaultProxy, startServers, waitFor } from '../../../tooling/servers/index.ts'
import type { ServerNode, Servers } from '../../../tooling/servers/index.ts'
import { Follower, Writer } from './support.ts'

/** `created: true` as it stands in a response of etcd: field 3 of WatchResponse. */
const CREATED = Buffer.from([0x18, 0x01])

/** Each of these ends, silences or robs etcd3's own watcher: see the control cases at the end. */
describe('a watch on etcd', () => {
  let servers: Servers<'etcd'>
  let proxy: FaultProxy
  let kv: Store
  let direct: Store
  let dir: string
  let count = 0

  beforeAll(async () => {
    servers = await startServers('etcd')
    proxy = await FaultProxy.to(servers.endpoints[0] ?? '')
  })
  beforeEach(async () => {
    dir = `case-${String(++count)}`
    kv = etcd([proxy.endpoint], { connectionTimeout: 1_000 })
    direct = etcd(servers.endpoints)
    await kv.ready()
  })
  afterEach(async () => {
    proxy.pass()
    proxy.onUpstreamData = undefined
    await proxy.up()
    await kv.close()
    await direct.close()
  })
  afterAll(async () => {
    await proxy[Symbol.asyncDispose]()
    await servers[Symbol.asyncDispose]()
  })

  function server(): ServerNode {
    const [node] = servers.nodes
    if (node === undefined) throw new Error('there is no server')
    return node
  }

  /** Cuts the connection right after the server said that a watch is created; the events follow up to 100 ms later. */
  function cutAfterCreation(times: number): { readonly cuts: number } {
    const state = { cuts: 0 }
    proxy.onUpstreamData = (chunk) => {
      if (state.cuts < times && chunk.includes(CREATED)) {
        state.cuts++
        setImmediate(() => {
          proxy.cut()
        })
      }
      return 'forward'
    }
    return state
  }

  /** Follows while `fault` happens, and sees that nothing is missing and nothing came twice. */
  async function survives(fault: () => Promise<void>): Promise<void> {
    const follower = await new Follower(kv, dir).started()
    const writer = new Writer(direct, dir)
    await waitFor(() => writer.written.length > 50, { what: 'some writes' })
    await fault()
    const before = writer.written.length
    await waitFor(() => writer.written.length > before + 50, {
      what: 'more writes',
      timeout: 30_000,
    })
    await follower.has(await writer.stop())
    expect(follower.violations).toEqual([])
    await follower.stop()
  }

  it('loses nothing when the server is killed and started again', async () => {
    await survives(() => server().restart())
  })

  it('loses nothing when the connection is reset again and again', async () => {
    await survives(async () => {
      for (let i = 0; i < 5; i++) {
        const accepted = proxy.stats.accepted
        proxy.cut()
        await waitFor(() => proxy.stats.accepted > accepted, { what: 'a new connection' })
      }
    })
  })

  it('loses nothing when the server is frozen for a while', async () => {
    const follower = await new Follower(kv, dir).started()
    await direct.put(`${dir}/before`, '')
    await server().freeze()
    const late = direct.put(`${dir}/during`, '', { timeout: 30_000 })
    // Longer than any answer takes: the connection itself survives.
    await expect(direct.get('any', { timeout: 2_000 })).rejects.toMatchObject({ code: 'TIMEOUT' })
    await server().resume()
    await late
    await follower.has([`${dir}/before`, `${dir}/during`])
    expect(follower.violations).toEqual([])
    await follower.stop()
  })

  it('loses nothing when the connection dies just after the watch was created', async () => {
    const follower = await new Follower(kv, dir).started()
    const keys = Array.from({ length: 100 }, (_, i) => `${dir}/${String(i)}`)
    await proxy.down()
    for (const key of keys) await direct.put(key, '')
    const state = cutAfterCreation(3)
    await proxy.up()
    await follower.has(keys)
    expect(state.cuts).toBe(3)
    expect(follower.violations).toEqual([])
    await follower.stop()
  })

  it('loses nothing of 20,000 revisions behind, cut in the middle of them', async () => {
    const follower = await new Follower(kv, dir).started()
    proxy.blackhole()
    const keys = Array.from({ length: 20_000 }, (_, i) => `${dir}/${String(i)}`)
    await inBatches(keys, 64, (key) => direct.put(key, ''))
    let bytes = 0
    let cuts = 0
    proxy.onUpstreamData = (chunk) => {
      bytes += chunk.length
      if (bytes < 50_000 || cuts >= 3) return 'forward'
      bytes = 0
      cuts++
      return 'lose'
    }
    proxy.cut()
    proxy.pass()
    await follower.has(keys, 60_000)
    expect(cuts).toBe(3)
    expect(follower.violations).toEqual([])
    await follower.stop()
  }, 120_000)

  it('reads again when its history was compacted while it was away', async () => {
    await direct.put(`${dir}/goes`, '')
    await direct.put(`${dir}/stays`, '')
    const follower = await new Follower(kv, dir).started()
    await proxy.down()
    await direct.delete(`${dir}/goes`)
    await direct.put(`${dir}/comes`, '')
    const { revision } = await direct.put('compaction', '')
    const raw = new Etcd3({ hosts: [...servers.endpoints] })
    await raw.kv.compact({ revision: revision.toString(), physical: true })
    raw.close()
    await proxy.up()
    await follower.has([`${dir}/stays`, `${dir}/comes`])
    expect(follower.changes.get(`${dir}/goes`)?.map(({ type }) => type)).toEqual(['put', 'delete'])
    expect(follower.changes.get(`${dir}/stays`)).toHaveLength(1)
    expect(follower.violations).toEqual([])
    await follower.stop()
  })

  it('notices a silent partition and goes on after it', async () => {
    const follower = await new Follower(kv, dir).started()
    proxy.blackhole()
    await direct.put(`${dir}/during`, '')
    // The old connection stays dead: only keep-alive can tell, and a new one has to be made.
    const accepted = proxy.stats.accepted
    const stale = proxy.stats.open
    await waitFor(() => proxy.stats.accepted > accepted, {
      what: 'the client to give the silent connection up',
      timeout: 20_000,
    })
    expect(stale).toBeGreaterThan(0)
    proxy.pass()
    await follower.has([`${dir}/during`])
    expect(follower.violations).toEqual([])
    await follower.stop()
  }, 40_000)

  it('delivers a backlog of more than 4 MiB', async () => {
    const follower = await new Follower(kv, dir).started()
    proxy.blackhole()
    const keys = Array.from({ length: 24 }, (_, i) => `${dir}/${String(i)}`)
    for (const key of keys) await direct.put(key, Buffer.alloc(400_000, key))
    proxy.cut()
    proxy.pass()
    await follower.has(keys)
    expect(follower.state?.every(({ value }) => value.length === 400_000)).toBe(true)
    await follower.stop()
  })

  it('delivers a transaction of many keys at once, also when it is larger than 1 MiB', async () => {
    const follower = await new Follower(kv, dir).started()
    const puts = Array.from({ length: 3 }, (_, i) =>
      put(`${dir}/${String(i)}`, Buffer.alloc(450_000)),
    )
    await direct.transaction(puts)
    await follower.has(puts.map(({ key }) => key))
    expect(new Set(follower.state?.map(({ revision }) => revision)).size).toBe(1)
    await follower.stop()
  })

  it('shows the truth after the server lost its data', async () => {
    await direct.put(`${dir}/old`, '')
    const follower = await new Follower(kv, dir).started()
    await server().kill()
    await server().wipe()
    await server().start()
    await waitFor(() => direct.put(`${dir}/new`, ''), { what: 'a write to the new server' })
    await follower.has([`${dir}/new`])
    await follower.stop()
  })

  it('holds 500 watches on one connection, and lets go of all', async () => {
    const open = proxy.stats.open
    const followers = Array.from(
      { length: 500 },
      (_, i) => new Follower(kv, `${dir}/${String(i % 10)}`),
    )
    await Promise.all(followers.map((follower) => follower.started()))
    for (let i = 0; i < 10; i++) await direct.put(`${dir}/${String(i)}/key`, '')
    await Promise.all(
      followers.map((follower, i) => follower.has([`${dir}/${String(i % 10)}/key`])),
    )
    expect(proxy.stats.open).toBe(open)
    await Promise.all(followers.map((follower) => follower.stop()))
  })

  describe("with etcd3's own watcher, for comparison,", () => {
    it('loses what was written when the connection dies just after the creation', async () => {
      const raw = new Etcd3({ hosts: [proxy.endpoint] })
      const seen: string[] = []
      const watcher = await raw.watch().prefix(`${dir}/`).create()
      watcher.on('put', ({ key }) => seen.push(key.toString()))
      watcher.on('error', () => undefined)
      await proxy.down()
      for (let i = 0; i < 100; i++) await direct.put(`${dir}/${String(i)}`, '')
      const state = cutAfterCreation(1)
      const accepted = proxy.stats.accepted
      await proxy.up()
      await waitFor(() => state.cuts === 1 && proxy.stats.accepted > accepted + 1, {
        what: 'the watcher to come back',
      })
      await direct.put(`${dir}/after`, '')
      await waitFor(() => seen.includes(`${dir}/after`), { what: 'the write after it' })
      await watcher.cancel()
      raw.close()
      expect(seen.length).toBeLessThan(101)
    })
  })
})

async function inBatches<T>(
  items: readonly T[],
  size: number,
  work: (item: T) => Promise<unknown>,
): Promise<void> {
  for (let i = 0; i < items.length; i += size) await Promise.all(items.slice(i, i + size).map(work))
}
