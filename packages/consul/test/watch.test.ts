import { describe, expect, it } from '@jest/globals'
import { consul } from '@libkv/consul'
import { atMost } from '@libkv/testing'
import { Follower } from '@libkv/testing/backend-cases/follower'
import { proxiedStore } from '@libkv/testing/backend-cases/proxied-store'
import { runningServers } from '@libkv/testing/backend-cases/running-servers'
import { watchFaultCases } from '@libkv/testing/backend-cases/watch-faults'
import { RequestCounter } from '@libkv/testing/servers'
import { consulUnderTest } from './consul-under-test.ts'

describe('a watch on Consul', () => {
  const proxied = proxiedStore(consulUnderTest)

  watchFaultCases(proxied)

  it('costs few queries where nothing is, although Consul then wakes at every write', async () => {
    const { direct, dir, servers } = proxied
    await using counter = await RequestCounter.to(servers.endpoints[0] ?? '')
    await using watching = consul([counter.endpoint])
    const states = watching.watch(`${dir}/none`)[Symbol.asyncIterator]()
    expect(await states.next()).toEqual({ done: false, value: null })
    const follower = await new Follower(watching, `${dir}/empty`).started()
    counter.reset()
    const start = performance.now()
    for (let i = 0; i < 500; i++) await direct.put('elsewhere', String(i))
    // Ten a second for each of the two, after a few quick ones.
    expect(counter.total).toBeLessThan(20 + (performance.now() - start) / 50)
    await direct.put(`${dir}/none`, 'x')
    expect((await states.next()).value?.text()).toBe('x')
    await direct.put(`${dir}/empty/a`, 'x')
    await follower.has([`${dir}/empty/a`])
    await states.return?.()
    await follower.stop()
  })

  it('is told of a write of the same bytes, and of nothing that happens elsewhere', async () => {
    const { kv, direct, dir } = proxied
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
    const { kv, dir } = proxied
    const controller = new AbortController()
    const states = kv.watch(dir, { signal: controller.signal })[Symbol.asyncIterator]()
    await states.next()
    const next = states.next()
    await atMost(100, 'the abort', async () => {
      controller.abort(new Error('enough'))
      await expect(next).rejects.toThrow('enough')
    })
  })

  it('is one blocking query for all watches of one prefix, each of which sees its own past', async () => {
    const { kv, direct, dir, proxy } = proxied
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
    const { kv, direct, dir } = proxied
    const states = kv.watch(`${dir}/a\u200db`)[Symbol.asyncIterator]()
    expect(await states.next()).toEqual({ done: false, value: null })
    await direct.put(`${dir}/a`, 'neighbour')
    await direct.put(`${dir}/a\u200db`, 'x')
    expect((await states.next()).value?.text()).toBe('x')
    await states.return?.()
  })
})

describe('a Consul with its default limit of 200 connections', () => {
  const args = ['-hcl', 'limits { http_max_conns_per_client = 200 }']
  const servers = runningServers('consul', { args })

  it('serves 1,000 watches of keys of their own and 500 calls at once', async () => {
    await using kv = consul(servers().endpoints)
    await using other = consul(servers().endpoints)
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
    await using kv = consul(servers().endpoints)
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
