import assert from 'node:assert/strict'
import { MAX_KEY_BYTES, check, put } from '@libkv/core'
import type { Store } from '@libkv/core'
import { lines, textOf } from '../bytes.ts'
import { group, withoutTransactions } from '../group.ts'
import type { CaseGroup } from '../group.ts'
import type { Harness } from '../harness.ts'
import { refusal } from '../refusal.ts'
import { States } from '../states.ts'

/** Two namespaces next to each other. */
async function neighbours({ open, key }: Harness): Promise<readonly [Store, Store]> {
  return [await open({ namespace: key('one') }), await open({ namespace: key('other') })]
}

export const namespaceCases: CaseGroup = group('namespaces', ({ it, target }) => {
  it('keep the same key apart', async (h) => {
    const [one, other] = await neighbours(h)
    await one.put('key', '1')
    assert.equal(await other.get('key'), null)
    await other.put('key', '2')
    assert.equal(textOf(await one.get('key')), '1')
    assert.equal(await one.delete('key'), true)
    assert.equal(textOf(await other.get('key')), '2')
  })

  it('stand in front of every key, for who looks from outside', async (h) => {
    const [one] = await neighbours(h)
    await one.put('a/b', 'v')
    assert.equal(textOf(await h.kv.get(h.key('one/a/b'))), 'v')
    await h.kv.put(h.key('one/c'), 'v')
    assert.deepEqual(await one.keys(''), ['a/b', 'c'])
  })

  it('do not show in any key', async (h) => {
    const [one] = await neighbours(h)
    const written = await one.put('a/b', 'v')
    assert.equal(written.key, 'a/b')
    assert.equal((await one.get('a/b'))?.key, 'a/b')
    assert.deepEqual(lines(await one.list('a')), ['a/b=v'])
    assert.deepEqual(await one.keys('a'), ['a/b'])
    assert.equal((await one.atomicPut('a/b', 'w', written)).key, 'a/b')
    assert.equal(one.newLock('a/b').key, 'a/b')
  })

  it('do not show in a watch', async (h) => {
    const [one] = await neighbours(h)
    await one.put('a/b', 'v')
    await using states = new States(one.watch('a/b'))
    assert.equal((await states.next())?.key, 'a/b')
    await using trees = new States(one.watchTree('a'))
    const { pairs, changes } = await trees.next()
    assert.equal(pairs[0]?.key, 'a/b')
    assert.equal(changes[0]?.key, 'a/b')
    await one.delete('a/b')
    assert.equal((await trees.next()).changes[0]?.key, 'a/b')
  })

  it('do not show in an error', async (h) => {
    const [one] = await neighbours(h)
    await one.put('a/b', 'v')
    const error = await refusal(one.atomicPut('a/b', 'w', null), 'KEY_EXISTS')
    assert.equal(error.key, 'a/b')
    assert.ok(!error.message.includes(h.key('one')), error.message)
    if (error.current) assert.equal(error.current.key, 'a/b')
  })

  it(
    'hold for transactions',
    async (h) => {
      const [one, other] = await neighbours(h)
      const { results } = await one.transaction([check('b', null), put('a', 'v')])
      assert.equal(results[1]?.key, 'a')
      assert.deepEqual(await other.keys(''), [])
      const error = await refusal(one.transaction([check('a', null)]), 'TRANSACTION_FAILED')
      assert.equal(error.key, 'a')
    },
    withoutTransactions(target),
  )

  it('hold for sessions and times to live', async (h) => {
    const [one, other] = await neighbours(h)
    const session = await one.session()
    await one.put('key', 'v', { session })
    await other.put('key', 'v')
    await session.close()
    assert.deepEqual(await one.keys(''), [])
    assert.deepEqual(await other.keys(''), ['key'])
  })

  it('hold for locks', async (h) => {
    const [one, other] = await neighbours(h)
    const mine = await one.newLock('job', { value: 'me' }).lock()
    const theirs = await other.newLock('job', { value: 'you' }).tryLock()
    assert.equal(mine.isHeld(), true)
    assert.equal(theirs?.isHeld(), true)
    assert.equal(textOf(await one.get('job')), 'me')
  })

  it('cannot be escaped', async (h) => {
    const [one] = await neighbours(h)
    for (const key of ['../other/key', '..', '/../key', 'a/../../key']) {
      await refusal(one.get(key), 'INVALID_KEY')
      await refusal(one.put(key, 'v'), 'INVALID_KEY')
      await refusal(one.deleteTree(key), 'INVALID_KEY')
    }
  })

  it('do not see a neighbour whose name begins alike', async (h) => {
    const { key, kv, open } = h
    const app = await open({ namespace: key('app') })
    for (const name of ['app', 'app-x/a', 'app2', 'ap/a']) await kv.put(key(name), 'v')
    assert.deepEqual(await app.keys(''), [])
    await using states = new States(app.watchTree(''))
    assert.deepEqual([...(await states.next()).pairs], [])
    assert.equal(await app.deleteTree(''), 0)
  })

  it('nest', async ({ open, key }) => {
    const outer = await open({ namespace: key('a') })
    const inner = await open({ namespace: key('a/b/c') })
    await inner.put('d', 'v')
    assert.equal(textOf(await outer.get('b/c/d')), 'v')
  })

  it('are taken with outer slashes', async ({ open, key, kv }) => {
    const store = await open({ namespace: `${key('one')}/` })
    await store.put('a', 'v')
    assert.equal(textOf(await kv.get(key('one/a'))), 'v')
  })

  it('are taken with any characters that keys are', async ({ open, key, kv }) => {
    const name = key('ключ 🚀 100%?')
    const store = await open({ namespace: name })
    await store.put('a', 'v')
    assert.equal(textOf(await kv.get(`${name}/a`)), 'v')
    assert.deepEqual(await store.keys(''), ['a'])
  })

  it('do not count for the length of a key', async (h) => {
    const [one] = await neighbours(h)
    const longest = 'x'.repeat(MAX_KEY_BYTES)
    await one.put(longest, 'v')
    assert.deepEqual(await one.keys(''), [longest])
    assert.equal(await one.delete(longest), true)
  })

  it('share one history', async (h) => {
    const [one, other] = await neighbours(h)
    const first = await one.put('a', 'v')
    const second = await other.put('a', 'v')
    assert.ok(second.revision > first.revision)
  })
})
