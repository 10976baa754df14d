import assert from 'node:assert/strict'
import { samePair } from '../bytes.ts'
import { group } from '../group.ts'
import type { CaseGroup } from '../group.ts'

export const revisionCases: CaseGroup = group('revisions', ({ it }) => {
  it('gives a new key the same revision and createRevision', async ({ kv, key }) => {
    const pair = await kv.put(key(), 'v')
    assert.equal(typeof pair.revision, 'bigint')
    assert.equal(pair.createRevision, pair.revision)
    assert.ok(pair.revision > 0n)
  })

  it('grows with every write of a key', async ({ kv, key }) => {
    let last = 0n
    for (let i = 0; i < 10; i++) {
      const { revision } = await kv.put(key(), String(i))
      assert.ok(revision > last, `${String(revision)} does not come after ${String(last)}`)
      last = revision
    }
  })

  it('grows also when the bytes are the same', async ({ kv, key }) => {
    const first = await kv.put(key(), 'same')
    const second = await kv.put(key(), 'same')
    const third = await kv.put(key(), 'same')
    assert.ok(second.revision > first.revision)
    assert.ok(third.revision > second.revision)
    samePair(await kv.get(key()), third)
  })

  it('grows when an empty value is written again', async ({ kv, key }) => {
    const first = await kv.put(key(), '')
    const second = await kv.put(key(), '')
    assert.ok(second.revision > first.revision)
  })

  it('grows when atomicPut writes the same bytes', async ({ kv, key }) => {
    const first = await kv.put(key(), 'same')
    const second = await kv.atomicPut(key(), 'same', first)
    assert.ok(second.revision > first.revision)
  })

  it('keeps createRevision as long as the key exists', async ({ kv, key }) => {
    const first = await kv.put(key(), '1')
    const second = await kv.put(key(), '2')
    const third = await kv.atomicPut(key(), '3', second)
    assert.equal(second.createRevision, first.createRevision)
    assert.equal(third.createRevision, first.createRevision)
    assert.equal((await kv.get(key()))?.createRevision, first.createRevision)
  })

  it('gives a key that is created again a later createRevision', async ({ kv, key }) => {
    const first = await kv.put(key(), 'v')
    await kv.delete(key())
    const second = await kv.put(key(), 'v')
    assert.ok(second.createRevision > first.revision)
    assert.equal(second.createRevision, second.revision)
  })

  it('gives a key that was created anew by atomicPut a later createRevision', async (h) => {
    const first = await h.kv.atomicPut(h.key(), 'v', null)
    await h.kv.atomicDelete(h.key(), first)
    const second = await h.kv.atomicPut(h.key(), 'v', null)
    assert.ok(second.createRevision > first.createRevision)
  })

  it('is one order over all keys', async ({ kv, key }) => {
    const a = await kv.put(key('a'), 'v')
    const b = await kv.put(key('b'), 'v')
    const c = await kv.put(key('c/d'), 'v')
    const again = await kv.put(key('a'), 'v')
    assert.ok(a.revision < b.revision)
    assert.ok(b.revision < c.revision)
    assert.ok(c.revision < again.revision)
  })

  it('is one order over all stores', async ({ kv, key, open }) => {
    const other = await open()
    const first = await kv.put(key('a'), 'v')
    const second = await other.put(key('b'), 'v')
    const third = await kv.put(key('a'), 'v')
    assert.ok(first.revision < second.revision)
    assert.ok(second.revision < third.revision)
  })

  it('does not change by reading', async ({ kv, key, dir }) => {
    const written = await kv.put(key(), 'v')
    await kv.get(key())
    await kv.list(dir)
    await kv.exists(key())
    samePair(await kv.get(key()), written)
  })

  it('does not change when another key is written or deleted', async ({ kv, key }) => {
    const written = await kv.put(key('a'), 'v')
    await kv.put(key('a/child'), 'v')
    await kv.put(key('b'), 'v')
    await kv.delete(key('b'))
    await kv.delete(key('a/child'))
    samePair(await kv.get(key('a')), written)
  })

  it('is the same in get, in list and from another store', async ({ kv, key, dir, open }) => {
    await kv.put(key(), '1')
    const written = await kv.put(key(), '2')
    samePair(await kv.get(key()), written)
    samePair((await kv.list(dir))[0], written)
    const other = await open()
    samePair(await other.get(key()), written)
  })

  it('belongs to one write each, however many run at once', async ({ kv, key }) => {
    const puts = Array.from({ length: 20 }, (_, i) => kv.put(key(String(i)), 'v'))
    const revisions = (await Promise.all(puts)).map(({ revision }) => revision)
    assert.equal(new Set(revisions).size, 20)
  })
})
