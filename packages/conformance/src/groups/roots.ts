import assert from 'node:assert/strict'
import { RESERVED_SEGMENT } from '@libkv/core/driver'
import { lines } from '../bytes.ts'
import { group, withoutRoot } from '../group.ts'
import type { CaseGroup } from '../group.ts'
import { States } from '../states.ts'

export const rootCases: CaseGroup = group('the whole store', ({ it, target }) => {
  const root = withoutRoot(target)

  for (const spelling of ['', '/']) {
    it(`lists all keys under '${spelling}'`, async ({ fresh }) => {
      const kv = await fresh()
      await kv.put('b/c', '2')
      await kv.put('a', '1')
      assert.deepEqual(lines(await kv.list(spelling)), ['a=1', 'b/c=2'])
      assert.deepEqual(await kv.keys(spelling), ['a', 'b/c'])
    })

    it(`deletes all keys of a namespace under '${spelling}'`, async ({ fresh }) => {
      const kv = await fresh()
      await kv.put('a', '1')
      await kv.put('b/c', '2')
      assert.equal(await kv.deleteTree(spelling), 2)
      assert.deepEqual(await kv.keys(''), [])
    })

    it(`watches all keys of a namespace under '${spelling}'`, async ({ fresh }) => {
      const kv = await fresh()
      await kv.put('a', '1')
      await using states = new States(kv.watchTree(spelling))
      assert.deepEqual(lines((await states.next()).pairs), ['a=1'])
      await kv.put('b/c', '2')
      assert.deepEqual(lines((await states.next()).pairs), ['a=1', 'b/c=2'])
    })
  }

  it('lists nothing in an empty store', async ({ fresh }) => {
    const kv = await fresh()
    assert.deepEqual(await kv.list(''), [])
    assert.deepEqual(await kv.keys('/'), [])
    assert.equal(await kv.deleteTree(''), 0)
  })

  it('deletes nothing outside of the namespace', async ({ kv, key, open, names }) => {
    const inner = await open({ namespace: key('inner') })
    await inner.put('a', 'v')
    for (const name of ['inner', 'inner-x/a', 'innerx', 'other']) await kv.put(key(name), 'v')
    assert.equal(await inner.deleteTree(''), 1)
    assert.deepEqual(await names(), ['inner', 'inner-x/a', 'innerx', 'other'])
  })

  it('deletes all keys but those of the library', async ({ fresh, kv, key, names }) => {
    const store = await fresh()
    const own = `${RESERVED_SEGMENT}/own/key`
    const all = ['-', '.lib', `${RESERVED_SEGMENT}-`, own, `${RESERVED_SEGMENT}0/a`, 'z/y', '🚀']
    for (const name of all) await kv.put(key(name), 'v')
    assert.equal(await store.deleteTree(''), all.length - 1)
    assert.deepEqual(await names(), [own])
  })

  it('never lists the keys of the library', async ({ fresh }) => {
    const kv = await fresh()
    await using held = await kv.newLock('job', { value: 'me' }).lock()
    assert.equal(held.isHeld(), true)
    assert.deepEqual(lines(await kv.list('')), ['job=me'])
    assert.deepEqual(await kv.keys(''), ['job'])
    await using states = new States(kv.watchTree(''))
    assert.deepEqual(lines((await states.next()).pairs), ['job=me'])
  })

  it(
    'finds its keys among those of the whole store',
    async ({ kv, key }) => {
      await kv.put(key(), 'v')
      assert.ok(lines(await kv.list('')).includes(`${key()}=v`))
      assert.ok((await kv.keys('/')).includes(key()))
    },
    root,
  )

  it(
    'finds its changes among those of the whole store',
    async ({ kv, key }) => {
      await using states = new States(kv.watchTree(''))
      await states.next()
      await kv.put(key(), 'v')
      await states.until(({ changes }) => changes.some((change) => change.key === key()))
    },
    root,
  )
})
