import assert from 'node:assert/strict'
import { put } from '@libkv/core'
import { textOf } from '../bytes.ts'
import { group, withoutDescendants, withoutTransactions } from '../group.ts'
import type { CaseGroup } from '../group.ts'
import { refusal } from '../refusal.ts'
import { States } from '../states.ts'

export const sessionKeyCases: CaseGroup = group('keys of a session', ({ it, target }) => {
  const transactions = withoutTransactions(target)

  it('shows its keys as any other', async ({ kv, key, dir }) => {
    const session = await kv.session()
    const written = await kv.put(key(), 'v', { session })
    assert.equal(written.text(), 'v')
    assert.equal((await kv.get(key()))?.revision, written.revision)
    assert.deepEqual(await kv.keys(dir), [key()])
  })

  it('takes its keys along when it is closed', async ({ kv, key, open, names }) => {
    const session = await kv.session()
    for (const name of ['a', 'b', 'c/d']) await kv.put(key(name), 'v', { session })
    await kv.put(key('stays'), 'v')
    await session.close()
    assert.deepEqual(await names(), ['stays'])
    assert.deepEqual(await names(await open()), ['stays'])
  })

  it('takes no keys of another session along', async ({ kv, key, names }) => {
    const [one, other] = [await kv.session(), await kv.session()]
    await kv.put(key('one'), 'v', { session: one })
    await kv.put(key('other'), 'v', { session: other })
    await one.close()
    assert.deepEqual(await names(), ['other'])
    assert.equal(other.isAlive(), true)
  })

  it('takes along a key that atomicPut created', async ({ kv, key }) => {
    const session = await kv.session()
    await kv.atomicPut(key(), 'v', null, { session })
    await session.close()
    assert.equal(await kv.get(key()), null)
  })

  it('takes along a permanent key that atomicPut bound to it', async ({ kv, key }) => {
    const session = await kv.session()
    const before = await kv.put(key(), '1')
    const bound = await kv.atomicPut(key(), '2', before, { session })
    assert.equal(bound.createRevision, before.createRevision)
    await session.close()
    assert.equal(await kv.get(key()), null)
  })

  it('takes along a permanent key that put bound to it', async ({ kv, key }) => {
    const session = await kv.session()
    await kv.put(key(), '1')
    await kv.put(key(), '2', { session })
    assert.equal(textOf(await kv.get(key())), '2')
    await session.close()
    assert.equal(await kv.get(key()), null)
  })

  it(
    'takes along what a transaction bound to it',
    async ({ kv, key, names }) => {
      const session = await kv.session()
      await kv.transaction([
        put(key('a'), 'v', { session }),
        put(key('b'), 'v', { session }),
        put(key('stays'), 'v'),
      ])
      await session.close()
      assert.deepEqual(await names(), ['stays'])
    },
    transactions,
  )

  it('leaves a key that was put again without it', async ({ kv, key }) => {
    const session = await kv.session()
    const bound = await kv.put(key(), '1', { session })
    const permanent = await kv.put(key(), '2')
    assert.ok(permanent.revision > bound.revision)
    await session.close()
    assert.equal(textOf(await kv.get(key())), '2')
  })

  it('leaves a key that another store has put since', async ({ kv, key, open }) => {
    const session = await kv.session()
    await kv.put(key(), '1', { session })
    const other = await open()
    await other.put(key(), '2')
    await session.close()
    assert.equal(textOf(await other.get(key())), '2')
  })

  it('leaves a key that was deleted and created again', async ({ kv, key }) => {
    const session = await kv.session()
    await kv.put(key(), '1', { session })
    await kv.delete(key())
    await kv.put(key(), '2')
    await session.close()
    assert.equal(textOf(await kv.get(key())), '2')
  })

  it('leaves a key that was bound to another session since', async ({ kv, key }) => {
    const [one, other] = [await kv.session(), await kv.session()]
    await kv.put(key(), '1', { session: one })
    await kv.put(key(), '2', { session: other })
    await one.close()
    assert.equal(textOf(await kv.get(key())), '2')
    await other.close()
    assert.equal(await kv.get(key()), null)
  })

  it('keeps a key that it has written several times', async ({ kv, key }) => {
    const session = await kv.session()
    const first = await kv.put(key(), '1', { session })
    const second = await kv.put(key(), '2', { session })
    assert.equal(second.createRevision, first.createRevision)
    await session.close()
    assert.equal(await kv.get(key()), null)
  })

  it(
    'keeps keys below one that is bound to it',
    async ({ kv, key, names }) => {
      const session = await kv.session()
      await kv.put(key('a'), 'v', { session })
      await kv.put(key('a/b'), 'v')
      await kv.put(key('a/c'), 'v', { session })
      assert.deepEqual(await names(), ['a', 'a/b', 'a/c'])
      await session.close()
      assert.deepEqual(await names(), ['a/b'])
    },
    withoutDescendants(target),
  )

  it(
    'binds a key above others',
    async ({ kv, key, names }) => {
      const session = await kv.session()
      await kv.put(key('a/b'), 'v')
      await kv.put(key('a'), 'v', { session })
      await session.close()
      assert.deepEqual(await names(), ['a/b'])
    },
    withoutDescendants(target),
  )

  if (!target.capabilities.sessionKeysMayHaveDescendants) {
    it('refuses keys below one that is bound to it or has a time to live, as capabilities say', async ({
      kv,
      key,
      names,
      ttl,
    }) => {
      const session = await kv.session()
      await kv.put(key('bound'), 'v', { session })
      await kv.put(key('mortal'), 'v', { ttl: ttl * 100 })
      for (const name of ['bound', 'mortal']) {
        await refusal(kv.put(key(`${name}/a`), 'v'), 'NOT_SUPPORTED')
        await refusal(kv.atomicPut(key(`${name}/a`), 'v', null), 'NOT_SUPPORTED')
        assert.equal(await kv.exists(key(`${name}/a`)), false)
        assert.equal(await kv.delete(key(`${name}/a`)), false)
      }
      assert.deepEqual(await names(), ['bound', 'mortal'])
    })

    it('refuses to bind a key above others, as capabilities say', async ({
      kv,
      key,
      names,
      ttl,
    }) => {
      const session = await kv.session()
      await kv.put(key('a/b'), 'v')
      await refusal(kv.put(key('a'), 'v', { session }), 'NOT_SUPPORTED')
      await refusal(kv.put(key('a'), 'v', { ttl }), 'NOT_SUPPORTED')
      assert.deepEqual(await names(), ['a/b'])
    })
  }

  it('leaves no key that was being bound while it closed', async ({ kv, key, names }) => {
    for (let round = 0; round < 10; round++) {
      const session = await kv.session()
      const binding = kv.put(key(String(round)), 'v', { session })
      await Promise.allSettled([binding, session.close()])
      assert.deepEqual(await names(), [])
    }
  })

  it('lets a watch see its key go', async ({ kv, key, open }) => {
    const other = await open()
    const session = await kv.session()
    await kv.put(key(), 'v', { session })
    await using states = new States(other.watch(key()))
    assert.equal(textOf(await states.next()), 'v')
    await session.close()
    assert.equal(await states.next(), null)
  })

  it('lets a watch of the tree see its keys go', async ({ kv, key, dir, open }) => {
    const other = await open()
    const session = await kv.session()
    for (const name of ['a', 'b']) await kv.put(key(name), 'v', { session })
    await kv.put(key('stays'), 'v')
    await using states = new States(other.watchTree(dir))
    assert.equal((await states.next()).pairs.length, 3)
    await session.close()
    const last = (await states.until(({ pairs }) => pairs.length === 1)).at(-1)
    assert.equal(last?.pairs[0]?.key, key('stays'))
  })

  it('frees its key for the next one to create', async ({ kv, key, open }) => {
    const other = await open()
    const [mine, theirs] = [await kv.session(), await other.session()]
    await kv.atomicPut(key(), 'me', null, { session: mine })
    await refusal(other.atomicPut(key(), 'you', null, { session: theirs }), 'KEY_EXISTS')
    await mine.close()
    await other.atomicPut(key(), 'you', null, { session: theirs })
    assert.equal(textOf(await kv.get(key())), 'you')
  })
})
