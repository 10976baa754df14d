import assert from 'node:assert/strict'
import { samePair, textOf } from '../bytes.ts'
import { group } from '../group.ts'
import type { CaseGroup } from '../group.ts'

export const writeCases: CaseGroup = group('writing', ({ it }) => {
  it('puts a key that does not exist', async ({ kv, key }) => {
    const pair = await kv.put(key(), 'v')
    assert.equal(pair.key, key())
    assert.equal(pair.text(), 'v')
    samePair(await kv.get(key()), pair)
  })

  it('puts a key that exists', async ({ kv, key }) => {
    await kv.put(key(), 'old')
    const pair = await kv.put(key(), 'new')
    assert.equal(pair.text(), 'new')
    samePair(await kv.get(key()), pair)
  })

  it('puts a key in a directory that does not exist', async ({ kv, key }) => {
    await kv.put(key('a/b/c/d'), 'v')
    assert.equal(textOf(await kv.get(key('a/b/c/d'))), 'v')
  })

  it('deletes a key and says that it was there', async ({ kv, key }) => {
    await kv.put(key(), 'v')
    assert.equal(await kv.delete(key()), true)
    assert.equal(await kv.get(key()), null)
  })

  it('says that there was nothing to delete', async ({ kv, key }) => {
    assert.equal(await kv.delete(key()), false)
    await kv.put(key(), 'v')
    await kv.delete(key())
    assert.equal(await kv.delete(key()), false)
  })

  it('says that there was an empty value to delete', async ({ kv, key }) => {
    await kv.put(key(), '')
    assert.equal(await kv.delete(key()), true)
  })

  it('deletes only the key that is named', async ({ kv, key, names }) => {
    for (const name of ['a', 'ab', 'a/b', 'b']) await kv.put(key(name), 'v')
    assert.equal(await kv.delete(key('a')), true)
    assert.deepEqual(await names(), ['a/b', 'ab', 'b'])
  })

  it('tells one of several that delete at once that it was there', async ({ kv, key, open }) => {
    const stores = [kv, await open(), await open()]
    await kv.put(key(), 'v')
    const answers = await Promise.all(stores.map((store) => store.delete(key())))
    assert.equal(answers.filter(Boolean).length, 1)
  })

  it('puts a key again after it was deleted', async ({ kv, key }) => {
    await kv.put(key(), '1')
    await kv.delete(key())
    await kv.put(key(), '2')
    assert.equal(textOf(await kv.get(key())), '2')
  })

  it('carries out all of many puts at once', async ({ kv, key, names }) => {
    const puts = Array.from({ length: 100 }, (_, i) => kv.put(key(String(i)), String(i)))
    await Promise.all(puts)
    assert.equal((await names()).length, 100)
    assert.equal(textOf(await kv.get(key('42'))), '42')
  })

  it('puts keys of one new directory from several stores at once', async ({ key, open, names }) => {
    const stores = await Promise.all([open(), open(), open(), open()])
    const puts = stores.map((store, i) => store.put(key(`new/deep/${String(i)}`), 'v'))
    await Promise.all(puts)
    assert.equal((await names()).length, 4)
  })

  it('puts and deletes neighbours at once without an error', async ({ kv, key, names }) => {
    const work = Array.from({ length: 20 }, async (_, i) => {
      await kv.put(key(`dir/${String(i)}`), 'v')
      assert.equal(await kv.delete(key(`dir/${String(i)}`)), true)
    })
    await Promise.all(work)
    assert.deepEqual(await names(), [])
  })

  it('ends with the last of several puts of one key', async ({ kv, key }) => {
    const puts = Array.from({ length: 20 }, (_, i) => kv.put(key(), String(i)))
    const written = await Promise.all(puts)
    const last = written.reduce((a, b) => (a.revision > b.revision ? a : b))
    samePair(await kv.get(key()), last)
  })

  it('answers each of several puts with its own value', async ({ kv, key }) => {
    const puts = Array.from({ length: 20 }, (_, i) => kv.put(key(), String(i)))
    const values = (await Promise.all(puts)).map(textOf)
    assert.deepEqual(
      values,
      Array.from({ length: 20 }, (_, i) => String(i)),
    )
  })
})
