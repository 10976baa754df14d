import { describe, expect, it } from '@jest/globals'
import { check, put } from '@libkv/core'
import type { KVPair, Store } from '@libkv/core'
import { countedStore } from '@libkv/testing/backend-cases/counted-store'
import { ZooKeeperCounter } from '@libkv/testing/servers/zookeeper-counter'
import { counterOf as guardOf } from '../src/zookeeper-creation-counters.ts'
import { pathOf } from '../src/zookeeper-paths.ts'
import { zookeeperUnderTest } from './zookeeper-under-test.ts'

/** What makes another key of the one that was read, while ZooKeeper's version number stays the same. */
const rebirths: Readonly<Record<string, (other: Store, key: string) => Promise<unknown>>> = {
  'deleted and created again': async (other, key) => {
    await other.delete(key)
    await other.put(key, 'another')
  },
  'deleted and created again with its directory': async (other, key) => {
    await other.deleteTree(key.split('/')[0] ?? '')
    await other.put(key, 'another')
  },
  'deleted and bound to a session': async (other, key) => {
    await other.delete(key)
    await other.put(key, 'another', { session: await other.session() })
  },
  'given a time to live': (other, key) => other.put(key, 'another', { ttl: 60_000 }),
}

/** What may not be done to another key than was read. */
const attempts: Readonly<Record<string, (kv: Store, pair: KVPair) => Promise<unknown>>> = {
  atomicPut: (kv, pair) => kv.atomicPut(pair.key, 'wrong', pair),
  'atomicPut with a session': async (kv, pair) =>
    kv.atomicPut(pair.key, 'wrong', pair, { session: await kv.session() }),
  atomicDelete: (kv, pair) => kv.atomicDelete(pair.key, pair),
  'a transaction that writes it': (kv, pair) =>
    kv.transaction([check(pair.key, pair), put(pair.key, 'wrong')]),
  'a transaction that checks it': (kv, pair) =>
    kv.transaction([check(pair.key, pair), put('victim', 'wrong')]),
}

describe('compare-and-set on zookeeper', () => {
  const counted = countedStore(zookeeperUnderTest)
  const counter = (): ZooKeeperCounter => {
    if (counted.counter instanceof ZooKeeperCounter) return counted.counter
    throw new TypeError('that counts something else')
  }
  let count = 0
  const newKey = (): string => `dir-${String(++count)}/key`

  for (const [rebirth, bring] of Object.entries(rebirths)) {
    for (const [attempt, make] of Object.entries(attempts)) {
      it(`refuses ${attempt} when the key is ${rebirth} between the look and the write`, async () => {
        const { kv, direct } = counted
        const pair = await kv.put(newKey(), 'mine')
        await direct.put('victim', 'unharmed')
        let hasHappened = false
        counter().beforeNext('multi', async () => {
          await bring(direct, pair.key)
          hasHappened = true
        })
        const error = await make(kv, pair).catch((reason: unknown) => reason)
        expect(hasHappened).toBe(true)
        expect(error).toMatchObject({
          code: expect.stringMatching(/^(KEY_MODIFIED|TRANSACTION_FAILED)$/),
          ambiguous: false,
        })
        expect((await direct.get(pair.key))?.text()).toBe('another')
        expect((await direct.get('victim'))?.text()).toBe('unharmed')
      })
    }
  }

  it('refuses the pair of a session that ended and of a key that another session has created', async () => {
    const { kv, direct } = counted
    const key = newKey()
    const [one, other] = [await direct.session(), await direct.session()]
    const pair = await direct.put(key, 'one', { session: one })
    counter().beforeNext('multi', async () => {
      await one.close()
      await direct.put(key, 'other', { session: other })
    })
    await expect(kv.atomicPut(key, 'wrong', pair)).rejects.toMatchObject({ code: 'KEY_MODIFIED' })
    expect((await direct.get(key))?.text()).toBe('other')
  })

  it('is not disturbed by what happens to other keys of the directory', async () => {
    const { kv, direct } = counted
    const key = newKey()
    const pair = await kv.put(key, '1')
    counter().beforeNext('multi', async () => {
      await direct.put(`${key}-sibling`, 'x')
      await direct.delete(`${key}-sibling`)
      await direct.put(`${key}/child`, 'x')
      await direct.delete(`${key}/child`)
    })
    expect((await kv.atomicPut(key, '2', pair)).text()).toBe('2')
  })

  it('succeeds when somebody has the same guard count up meanwhile, by trying again', async () => {
    const { kv, direct } = counted
    const pair = await kv.put(newKey(), '1')
    counter().reset()
    counter().beforeNext('multi', async () => {
      const guard = guardOf(pathOf(pair.key))
      let i = 0
      while (guardOf(pathOf(`many/${String(i)}`)) !== guard) i++
      await direct.put(`many/${String(i)}`, '')
    })
    expect((await kv.atomicPut(pair.key, '2', pair)).text()).toBe('2')
    expect(counter().count('multi')).toBeGreaterThan(1)
    await direct.deleteTree('many')
  })

  it('refuses to create what somebody else has created since it looked', async () => {
    const { kv, direct } = counted
    const key = newKey()
    counter().beforeNext('multi', () => direct.put(key, 'theirs'))
    const theirs = await kv.atomicPut(key, 'mine', null).catch((reason: unknown) => reason)
    expect(theirs).toMatchObject({ code: 'KEY_EXISTS', current: { key } })
    expect((await direct.get(key))?.text()).toBe('theirs')
  })

  it('checks that a key is absent although its directory is, too', async () => {
    const { kv, direct } = counted
    const absent = newKey()
    await kv.transaction([check(absent, null), put('other', '1')])
    counter().beforeNext('multi', () => direct.put(absent, 'theirs'))
    const late = kv.transaction([check(absent, null), put('other', '2')])
    await expect(late).rejects.toMatchObject({ code: 'TRANSACTION_FAILED', key: absent })
    expect((await direct.get('other'))?.text()).toBe('1')
  })

  it('puts a key although somebody deletes it, or its directory, again and again', async () => {
    const { kv, direct } = counted
    const key = newKey()
    for (let round = 0; round < 10; round++) {
      counter().beforeNext('multi', () => direct.deleteTree(key.split('/')[0] ?? ''))
      await kv.put(key, String(round))
      expect((await direct.get(key))?.text()).toBe(String(round))
      await direct.deleteTree(key.split('/')[0] ?? '')
    }
  })
})
