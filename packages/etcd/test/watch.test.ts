import { describe, expect, it } from '@jest/globals'
import { put } from '@libkv/core'
import { Etcd3 } from 'etcd3'
import { waitFor } from '@libkv/testing'
import { Follower } from '@libkv/testing/backend-cases/follower'
import { proxiedStore } from '@libkv/testing/backend-cases/proxied-store'
import { watchFaultCases } from '@libkv/testing/backend-cases/watch-faults'
import { etcdUnderTest } from './etcd-under-test.ts'
import { watchBehindCase } from './watch-behind.ts'

/** `created: true` as it stands in a response of etcd: field 3 of WatchResponse. */
const CREATED = Buffer.from([0x18, 0x01])

/** Each of these ends, silences or robs etcd3's own watcher: see the control case at the end. */
describe('a watch on etcd', () => {
  const proxied = proxiedStore(etcdUnderTest)

  watchFaultCases(proxied)

  /** Cuts the connection right after the server said that a watch is created, also when events came in the same piece. */
  function cutAfterCreation(times: number): { readonly cuts: number } {
    const { proxy } = proxied
    const state = { cuts: 0 }
    proxy.onUpstreamData = (chunk) => {
      const created = chunk.indexOf(CREATED)
      if (created < 0 || state.cuts >= times) return 'forward'
      state.cuts++
      return created + CREATED.length
    }
    return state
  }

  it('loses nothing when the connection dies just after the watch was created', async () => {
    const { kv, direct, dir, proxy } = proxied
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

  watchBehindCase(proxied, 2_000)

  it('reads again when its history was compacted while it was away', async () => {
    const { kv, direct, dir, proxy, servers } = proxied
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

  it('delivers a transaction of many keys at once, also when it is larger than 1 MiB', async () => {
    const { kv, direct, dir } = proxied
    const follower = await new Follower(kv, dir).started()
    const puts = Array.from({ length: 3 }, (_, i) =>
      put(`${dir}/${String(i)}`, Buffer.alloc(450_000)),
    )
    await direct.transaction(puts)
    await follower.has(puts.map(({ key }) => key))
    expect(new Set(follower.state?.map(({ revision }) => revision)).size).toBe(1)
    await follower.stop()
  })

  it('holds 500 watches on one connection, and lets go of all', async () => {
    const { kv, direct, dir, proxy } = proxied
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
      const { direct, dir, proxy } = proxied
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
