import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals'
import type { Store } from '@libkv/core'
import { waitFor } from '@libkv/testing'
import { Follower } from '@libkv/testing/backend-cases/follower'
import { runningServers } from '@libkv/testing/backend-cases/running-servers'
import { ZooKeeperCounter } from '@libkv/testing/servers/zookeeper-counter'
import { zookeeperUnderTest } from './zookeeper-under-test.ts'

/** A server that answers what came with 3.6 as those before do. */
describe('zookeeper before 3.6', () => {
  afterAll(async () => {
    await kv.close()
    await direct.close()
    await counter[Symbol.asyncDispose]()
  })
  const servers = runningServers('zookeeper')
  let counter: ZooKeeperCounter
  let kv: Store
  let direct: Store
  let dir = ''
  let count = 0
  beforeAll(async () => {
    counter = await ZooKeeperCounter.to(servers().endpoints[0] ?? '')
    for (const name of ['multiRead', 'addWatch']) counter.unknown.add(name)
    kv = zookeeperUnderTest.openAt([counter.endpoint])
    direct = zookeeperUnderTest.openAt(servers().endpoints)
  })
  beforeEach(() => {
    dir = `case-${String(++count)}`
  })

  it('lists, writes and deletes', async () => {
    const pair = await kv.put(`${dir}/a`, '1')
    await kv.put(`${dir}/a/b/c`, '2')
    const again = await kv.atomicPut(`${dir}/a`, '3', pair)
    expect(await kv.list(dir)).toEqual(await direct.list(dir))
    expect(await kv.get(`${dir}/a`)).toEqual(again)
    expect(await kv.delete(`${dir}/a`)).toBe(true)
    expect(await kv.keys(dir)).toEqual([`${dir}/a/b/c`])
    expect(await kv.deleteTree(dir)).toBe(1)
  })

  it('follows a tree: keys that come, change and go at any depth, and the tree itself', async () => {
    const follower = await new Follower(kv, dir).started()
    const keys = ['a', 'b/c', 'b/d/e'].map((name) => `${dir}/${name}`)
    for (const key of keys) await direct.put(key, '1')
    await follower.has(keys)
    for (const key of keys) await direct.put(key, '2')
    await waitFor(() => follower.state?.every((pair) => pair.text() === '2') === true, {
      what: 'the second values',
    })
    await direct.delete(`${dir}/b/d/e`)
    await follower.has(keys.slice(0, 2))
    await direct.deleteTree(dir)
    await follower.has([])
    await direct.put(`${dir}/new`, 'x')
    await follower.has([`${dir}/new`])
    expect(follower.violations).toEqual([])
    await follower.stop()
  })

  it('misses no change of many that come quickly', async () => {
    const follower = await new Follower(kv, dir).started()
    const keys = Array.from({ length: 100 }, (_, i) => `${dir}/${String(i % 10)}/${String(i)}`)
    await Promise.all(keys.map((key) => direct.put(key, 'x')))
    await follower.has(keys)
    await direct.deleteTree(`${dir}/3`)
    await follower.has(keys.filter((key) => !key.startsWith(`${dir}/3/`)))
    expect(follower.violations).toEqual([])
    await follower.stop()
  })
})
