import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals'
import type { Store } from '@libkv/core'
import { consul } from '@libkv/consul'
import {
  FaultProxy,
  RequestCounter,
  startServers,
  waitFor,
} from '../../../tooling/servers/index.ts'
import type { ServerNode, Servers } from '../../../tooling/servers/index.ts'
import { Follower, Writer } from './support.ts'

describe('a watch on Consul', () => {
  let servers: Servers<'consul'>
  let proxy: FaultProxy
  let kv: Store
  let direct: Store
  let dir: string
  let count = 0

  beforeAll(async () => {
    servers = await startServers('consul')
    proxy = await FaultProxy.to(servers.endpoints[0] ?? '')
  })
  beforeEach(async () => {
    dir = `case-${String(++count)}`
    kv = consul([proxy.endpoint], { connectionTimeout: 1_000 })
    direct = consul(servers.endpoints)
    await kv.ready()
  })
  afterEach(async () => {
    proxy.pass()
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

  it('loses nothing when the agent is frozen for a while', async () => {
    const follower = await new Follower(kv, dir).started()
    await direct.put(`${dir}/before`, '')
    await server().freeze()
    const late = direct.put(`${dir}/during`, '', { timeout: 30_000 })
    await expect(direct.get('any', { timeout: 2_000 })).rejects.toMatchObject({
      code: expect.stringMatching(/TIMEOUT|NOT_REACHABLE/),
    })
    await server().resume()
    await late
    await follower.has([`${dir}/before`, `${dir}/during`])
    expect(follower.violations).toEqual([])
    await follower.stop()
  })

  it('notices a silent partition and goes on after it', async () => {
    const follower = await new Follower(kv, dir).started()
    proxy.blackhole()
    await direct.put(`${dir}/during`, '')
    const accepted = proxy.stats.accepted
    await waitFor(() => proxy.stats.accepted > accepted, {
      what: 'the client to give the silent connection up',
      timeout: 20_000,
    })
    proxy.pass()
    await follower.has([`${dir}/during`])
    expect(follower.violations).toEqual([])
    await follower.stop()
  }, 40_000)

  it('shows what was deleted, and what was deleted and created again, while it was away', async () => {
    await direct.put(`${dir}/goes`, '')
    const before = await direct.put(`${dir}/again`, 'same')
    await direct.put(`${dir}/stays`, '')
    const follower = await new Follower(kv, dir).started()
    await proxy.down()
    await direct.delete(`${dir}/goes`)
    await direct.delete(`${dir}/again`)
    const after = await direct.put(`${dir}/again`, 'same')
    await proxy.up()
    await follower.has([`${dir}/again`, `${dir}/stays`])
    expect(follower.changes.get(`${dir}/goes`)?.map(({ type }) => type)).toEqual(['put', 'delete'])
    expect(follower.changes.get(`${dir}/stays`)).toHaveLength(1)
    const created = follower.changes.get(`${dir}/again`)?.map(({ pair }) => pair?.createRevision)
    expect(created).toEqual([before.createRevision, after.createRevision])
    expect(follower.violations).toEqual([])
    await follower.stop()
  })

  it('shows the truth after the server lost its data, although its index went back', async () => {
    for (let i = 0; i < 50; i++) await direct.put('index', String(i))
    await direct.put(`${dir}/old`, '')
    const follower = await new Follower(kv, dir).started()
    const states = kv.watch(`${dir}/absent`)[Symbol.asyncIterator]()
    expect(await states.next()).toEqual({ done: false, value: null })
    await server().kill()
    await server().wipe()
    await server().start()
    await waitFor(() => direct.put(`${dir}/new`, ''), { what: 'a write to the new server' })
    await follower.has([`${dir}/new`])
    await direct.put(`${dir}/absent`, 'here')
    expect((await states.next()).value?.text()).toBe('here')
    await states.return?.()
    await follower.stop()
  })

  it('costs few queries where nothing is, although Consul then wakes at every write', async () => {
    await using counter = await RequestCounter.to(servers.endpoints[0] ?? '')
    await using watching = consul([counter.endpoint])
    const states = watching.watch(`${dir}/none`)[Symbol.asyncIterator]()
    expect(await states.next()).toEqual({ done: false, value: null })
    const follower = await new Follower(watching, `${dir}/empty`).started()
    counter.reset()
    const start = performance.now()
    let writes = 0
    for (; performance.now() - start < 1_500; writes++)
      await direct.put('elsewhere', String(writes))
    // Ten a second for each of the two, after a few quick ones.
    expect(counter.total).toBeLessThan(50)
    expect(writes).toBeGreaterThan(100)
    await direct.put(`${dir}/none`, 'x')
    expect((await states.next()).value?.text()).toBe('x')
    await direct.put(`${dir}/empty/a`, 'x')
    await follower.has([`${dir}/empty/a`])
    await states.return?.()
    await follower.stop()
  })

  it('is told of a write of the same bytes, and of nothing that happens elsewhere', async () => {
    await direct.put(`${dir}/same`, 'same')
    await direct.put(`${dir}/other`, 'x')
    const states = kv.watch(`${dir}/same`)[Symbol.asyncIterator]()
    await states.next()
    await direct.put(`${dir}/other`, 'y')
    const { revision } = await direct.put(`${dir}/same`, 'same')
    expect((await states.next()).value?.revision).toBe(revision)
    await states.return?.()
  })

  it('is ended by an abort within milliseconds', async () => {
    const controller = new AbortController()
    const states = kv.watch(dir, { signal: controller.signal })[Symbol.asyncIterator]()
    await states.next()
    const next = states.next()
    const start = performance.now()
    controller.abort(new Error('enough'))
    await expect(next).rejects.toThrow('enough')
    expect(performance.now() - start).toBeLessThan(100)
  })

  it('is one blocking query for all watches of one prefix, each of which sees its own past', async () => {
    const open = proxy.stats.open
    const followers = Array.from({ length: 500 }, () => new Follower(kv, dir))
    await Promise.all(followers.map((follower) => follower.started()))
    await direct.put(`${dir}/key`, '')
    await Promise.all(followers.map((follower) => follower.has([`${dir}/key`])))
    expect(proxy.stats.open).toBeLessThanOrEqual(open + 3)
    const late = await new Follower(kv, dir).started()
    expect(late.state?.map(({ key }) => key)).toEqual([`${dir}/key`])
    await Promise.all([...followers, late].map((follower) => follower.stop()))
  })

  it('sees a key that cannot be part of a path', async () => {
    const states = kv.watch(`${dir}/a\u200db`)[Symbol.asyncIterator]()
    expect(await states.next()).toEqual({ done: false, value: null })
    await direct.put(`${dir}/a`, 'neighbour')
    await direct.put(`${dir}/a\u200db`, 'x')
    expect((await states.next()).value?.text()).toBe('x')
    await states.return?.()
  })
})

describe('a Consul with its default limit of 200 connections', () => {
  let servers: Servers<'consul'>
  beforeAll(async () => {
    const args = ['-hcl', 'limits { http_max_conns_per_client = 200 }']
    servers = await startServers('consul', { args })
  })
  afterAll(async () => {
    await servers[Symbol.asyncDispose]()
  })

  it('serves 1,000 watches of keys of their own and 500 calls at once', async () => {
    await using kv = consul(servers.endpoints)
    await using other = consul(servers.endpoints)
    const keys = Array.from({ length: 1_000 }, (_, i) => `many/${String(i)}`)
    const watches = keys.map((key) => kv.watch(key)[Symbol.asyncIterator]())
    const first = await Promise.all(watches.map((watch) => watch.next()))
    expect(first.every(({ value }) => value === null)).toBe(true)
    const puts = Array.from({ length: 500 }, (_, i) => kv.put(`calls/${String(i)}`, 'x'))
    await Promise.all(puts)
    const gets = Array.from({ length: 500 }, (_, i) => kv.get(`calls/${String(i)}`))
    expect((await Promise.all(gets)).every((pair) => pair?.text() === 'x')).toBe(true)
    for (let i = 0; i < keys.length; i += 50) {
      await Promise.all(keys.slice(i, i + 50).map((key) => other.put(key, key)))
    }
    const second = await Promise.all(watches.map((watch) => watch.next()))
    expect(second.map(({ value }) => value?.text())).toEqual(keys)
    await Promise.all(watches.map(async (watch) => watch.return?.()))
  })

  it('is not exhausted by watches that come and go', async () => {
    await using kv = consul(servers.endpoints)
    for (let round = 0; round < 10; round++) {
      const watches = Array.from({ length: 60 }, (_, i) =>
        kv.watch(`churn/${String(round)}/${String(i)}`)[Symbol.asyncIterator](),
      )
      await Promise.all(watches.map((watch) => watch.next()))
      await Promise.all(watches.map(async (watch) => watch.return?.()))
    }
    const calls = Array.from({ length: 200 }, (_, i) => kv.put(`after/${String(i)}`, 'x'))
    await Promise.all(calls)
  })
})
