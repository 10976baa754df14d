import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals'
import { put, remove } from '@libkv/core'
import { systemRuntime } from '@libkv/core/driver'
import type { KVPair, Store } from '@libkv/core'
import { waitFor } from '@libkv/testing'
import { runningServers } from '@libkv/testing/backend-cases/running-servers'
import { ZooKeeperClient } from '../src/client/index.ts'
import { zookeeperUnderTest } from './zookeeper-under-test.ts'

/** How an implicit parent can become a key. */
const births: Readonly<Record<string, (kv: Store, key: string) => Promise<KVPair>>> = {
  put: (kv, key) => kv.put(key, 'v'),
  atomicPut: (kv, key) => kv.atomicPut(key, 'v', null),
  'a transaction': async (kv, key) => {
    const { results } = await kv.transaction([put(key, 'v')])
    if (results[0] === null || results[0] === undefined) throw new Error('there is no result')
    return results[0]
  },
}

describe('nodes that are directories as well as keys', () => {
  afterAll(async () => {
    await kv.close()
    await other.close()
    await raw.close()
  })
  const servers = runningServers('zookeeper')
  let kv: Store
  let other: Store
  let raw: ZooKeeperClient
  let dir = ''
  let count = 0
  beforeAll(() => {
    kv = zookeeperUnderTest.openAt(servers().endpoints)
    other = zookeeperUnderTest.openAt(servers().endpoints)
    raw = new ZooKeeperClient({ servers: servers().endpoints, runtime: systemRuntime })
  })
  beforeEach(() => {
    dir = `case-${String(++count)}`
  })

  /** Checks that all ways to look at a key give this pair. */
  async function isSeen(pair: KVPair): Promise<void> {
    for (const store of [kv, other]) {
      expect(await store.get(pair.key)).toEqual(pair)
      expect((await store.list(dir)).find(({ key }) => key === pair.key)).toEqual(pair)
      for await (const state of store.watch(pair.key)) {
        expect(state).toEqual(pair)
        break
      }
      for await (const { pairs } of store.watchTree(dir)) {
        expect(pairs.find(({ key }) => key === pair.key)).toEqual(pair)
        break
      }
    }
  }

  /** All paths below one that are there, whatever they are. */
  async function nodesBelow(path: string): Promise<string[]> {
    const found = await raw.children(path)
    const children = (found?.children ?? []).map((name) => `${path === '/' ? '' : path}/${name}`)
    return [...children, ...(await Promise.all(children.map(nodesBelow))).flat()]
  }

  for (const [how, bring] of Object.entries(births)) {
    it(`have their key's birth, and not their own, when ${how} makes a key of a directory`, async () => {
      await kv.put(`${dir}/a/b`, 'below')
      const born = await bring(kv, `${dir}/a`)
      expect(born.createRevision).toBe(born.revision)
      await isSeen(born)
      const written = await other.put(`${dir}/a`, 'w')
      expect(written.createRevision).toBe(born.createRevision)
      await isSeen(written)
      const swapped = await kv.atomicPut(`${dir}/a`, 'x', written)
      expect(swapped.createRevision).toBe(born.createRevision)
      await isSeen(swapped)
    })

    it(`are another key when ${how} makes a key again of one that was deleted above others`, async () => {
      const first = await kv.put(`${dir}/a`, '1')
      await kv.put(`${dir}/a/b`, 'below')
      await isSeen(first)
      expect(await kv.delete(`${dir}/a`)).toBe(true)
      expect(await other.get(`${dir}/a`)).toBeNull()
      expect(await kv.delete(`${dir}/a`)).toBe(false)
      const second = await bring(other, `${dir}/a`)
      expect(second.createRevision).toBe(second.revision)
      await isSeen(second)
      await expect(kv.atomicPut(`${dir}/a`, 'x', first)).rejects.toMatchObject({
        code: 'KEY_MODIFIED',
      })
      await kv.transaction([remove(`${dir}/a`)])
      const third = await bring(kv, `${dir}/a`)
      expect(third.createRevision).toBe(third.revision)
      await isSeen(third)
    })
  }

  it('keep the birth of a key that had no others below it at first', async () => {
    const first = await kv.put(`${dir}/a`, '1')
    await kv.put(`${dir}/a/b`, 'below')
    const second = await other.put(`${dir}/a`, '2')
    expect(second.createRevision).toBe(first.createRevision)
    await isSeen(second)
    await kv.delete(`${dir}/a/b`)
    const third = await kv.put(`${dir}/a`, '3')
    expect(third.createRevision).toBe(first.createRevision)
    await isSeen(third)
  })

  it('keep the birth of a key that is bound to a session, and made permanent, and again', async () => {
    const first = await kv.put(`${dir}/a`, '1')
    const session = await kv.session()
    const bound = await kv.put(`${dir}/a`, '2', { session })
    const written = await kv.put(`${dir}/a`, '3', { session })
    const permanent = await other.put(`${dir}/a`, '4')
    for (const pair of [bound, written, permanent]) {
      expect(pair.createRevision).toBe(first.createRevision)
    }
    await isSeen(permanent)
    const mortal = await kv.put(`${dir}/a`, '5', { ttl: 60_000 })
    expect(mortal.createRevision).toBe(first.createRevision)
    await isSeen(mortal)
    const again = await kv.put(`${dir}/a`, '6')
    expect(again.createRevision).toBe(first.createRevision)
    await isSeen(again)
    await session.close()
    await kv.delete(`${dir}/a`)
    const anew = await kv.put(`${dir}/a`, '7')
    expect(anew.createRevision).toBe(anew.revision)
    await isSeen(anew)
  })

  it('count as born once when several make a key of a directory at the same time', async () => {
    for (let round = 0; round < 20; round++) {
      const key = `${dir}/${String(round)}`
      await kv.put(`${key}/below`, 'v')
      const pairs = await Promise.all([kv, other, kv, other].map((store) => store.put(key, 'v')))
      const first = pairs.map(({ revision }) => revision).sort((a, b) => (a < b ? -1 : 1))[0]
      for (const { createRevision } of pairs) expect(createRevision).toBe(first)
      expect((await other.get(key))?.createRevision).toBe(first)
    }
  })

  it('leave nothing behind when the last key below them goes', async () => {
    await kv.put(`${dir}/a/b/c`, 'v')
    await kv.put(`${dir}/a/b`, 'v')
    await kv.put(`${dir}/a/x`, 'v', { session: await kv.session() })
    await kv.put(`${dir}/a/x`, 'v')
    for (const key of ['a/b', 'a/b/c', 'a/x']) await other.delete(`${dir}/${key}`)
    await waitFor(async () => (await raw.exists(`/${dir}`)) === null, {
      what: 'the directories to go',
    })
    expect(
      (await nodesBelow('/')).filter((path) => path.includes('born') && path.includes(dir)),
    ).toEqual([])
  })

  it('leave nothing behind when a session ends that the keys below them are bound to', async () => {
    const session = await kv.session()
    await kv.put(`${dir}/a/b/c`, 'v', { session })
    await session.close()
    await waitFor(async () => (await raw.exists(`/${dir}`)) === null, {
      what: 'the directories to go',
    })
  })

  it('lose no key to the removal of directories that are used again meanwhile', async () => {
    const stores = [kv, other, zookeeperUnderTest.openAt(servers().endpoints)]
    const name = (i: number): string => `${dir}/d/${String(i % 3)}/e`
    const turn = async (store: Store, seed: number): Promise<void> => {
      for (let i = 0; i < 150; i++) {
        const key = `${name(i + seed)}/${String(seed)}`
        const written = await store.put(key, String(i))
        expect(await store.get(key)).toEqual(written)
        expect(await store.delete(key)).toBe(true)
        if (i % 30 === 0) await new Promise((resolve) => setTimeout(resolve, 110))
      }
      await store.put(`${name(seed)}/${String(seed)}`, 'last')
    }
    await Promise.all(stores.map(turn))
    expect((await kv.keys(dir)).length).toBe(3)
    await stores[2]?.close()
    expect(await kv.deleteTree(dir)).toBe(3)
    await waitFor(async () => (await raw.exists(`/${dir}`)) === null, { what: 'the rest to go' })
  })

  it('never let a key be lost that takes the place of an empty directory', async () => {
    for (let round = 0; round < 20; round++) {
      const key = `${dir}/${String(round)}`
      await kv.put(`${key}/below`, 'v')
      await kv.delete(`${key}/below`)
      // The removal of the directory comes a moment later.
      await new Promise((resolve) => setTimeout(resolve, 90 + round))
      await Promise.all([other.put(key, 'v'), kv.put(`${key}-sibling`, 'v')])
      await new Promise((resolve) => setTimeout(resolve, 30))
      expect((await kv.get(key))?.text()).toBe('v')
    }
  })

  describe('and other clients', () => {
    it('find each key under its own name', async () => {
      await kv.put(`${dir}/services/web`, 'here')
      const node = await raw.get(`/${dir}/services/web`)
      expect(Buffer.from(node?.data ?? []).toString()).toBe('here')
      expect((await raw.children(`/${dir}/services`))?.children).toEqual(['web'])
      expect((await raw.get(`/${dir}/services`))?.data).toBeNull()
    })

    it('write keys, and directories that are none', async () => {
      await raw.create(`/${dir}`, null)
      await raw.create(`/${dir}/empty`, new Uint8Array())
      await raw.create(`/${dir}/directory`, null)
      await raw.create(`/${dir}/directory/key`, Buffer.from('v'))
      await raw.create(`/${dir}/100%`, Buffer.from('v'))
      expect(await kv.keys(dir)).toEqual([`${dir}/100%`, `${dir}/directory/key`, `${dir}/empty`])
      expect((await kv.get(`${dir}/empty`))?.value).toHaveLength(0)
      expect(await kv.get(`${dir}/directory`)).toBeNull()
      expect((await kv.get(`${dir}/100%`))?.text()).toBe('v')
    })

    it('make a key of a directory by writing to it', async () => {
      await kv.put(`${dir}/a/b`, 'below')
      const { mzxid } = await raw.set(`/${dir}/a`, Buffer.from('foreign'))
      const pair = await kv.get(`${dir}/a`)
      expect(pair?.text()).toBe('foreign')
      expect([pair?.revision, pair?.createRevision]).toEqual([mzxid, mzxid])
    })

    it('create nodes without data that become keys by a put', async () => {
      await raw.create(`/${dir}`, null)
      await raw.create(`/${dir}/node`, null)
      await kv.atomicPut(`${dir}/node`, 'v', null)
      expect((await other.get(`${dir}/node`))?.text()).toBe('v')
    })

    it('do not see the marks and records in the way of their nodes', async () => {
      await kv.put(`${dir}/a/b`, 'v')
      await kv.put(`${dir}/a`, 'v')
      expect(await kv.keys(dir)).toEqual([`${dir}/a`, `${dir}/a/b`])
      expect((await raw.children(`/${dir}/a`))?.children).toEqual(['b'])
    })
  })

  it('show nothing of the library to who lists the whole store', async () => {
    await kv.put(`${dir}/a/b`, 'v')
    await kv.put(`${dir}/a`, 'v')
    const keys = await kv.keys('')
    expect(keys.filter((key) => /%libkv|^zookeeper/.test(key))).toEqual([])
    expect(keys).toContain(`${dir}/a`)
  })
})
