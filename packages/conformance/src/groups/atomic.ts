import assert from 'node:assert/strict'
import { check, put } from '@libkv/core'
import type { KVPair, LibkvError, Version } from '@libkv/core'
import { samePair, textOf } from '../bytes.ts'
import { group, withoutTransactions } from '../group.ts'
import type { CaseGroup } from '../group.ts'
import { refusal } from '../refusal.ts'

/** A conflict may leave out what the key holds now, but what it says must be right. */
function tells(error: LibkvError, current: KVPair | null): void {
  if (error.current !== undefined) samePair(error.current, current)
}

export const atomicCases: CaseGroup = group('compare and set', ({ it, target }) => {
  it('creates a key where none is', async ({ kv, key }) => {
    const pair = await kv.atomicPut(key(), 'v', null)
    assert.equal(pair.text(), 'v')
    assert.equal(pair.createRevision, pair.revision)
    samePair(await kv.get(key()), pair)
  })

  it('creates a key in a directory that does not exist', async ({ kv, key }) => {
    await kv.atomicPut(key('a/b/c'), '', null)
    assert.equal(textOf(await kv.get(key('a/b/c'))), '')
  })

  it('does not create a key that exists', async ({ kv, key }) => {
    const existing = await kv.put(key(), 'old')
    const error = await refusal(kv.atomicPut(key(), 'new', null), 'KEY_EXISTS')
    tells(error, existing)
    samePair(await kv.get(key()), existing)
  })

  it('does not create a key that exists with the same bytes', async ({ kv, key }) => {
    await kv.put(key(), 'same')
    await refusal(kv.atomicPut(key(), 'same', null), 'KEY_EXISTS')
  })

  it('does not create a key that exists with an empty value', async ({ kv, key }) => {
    await kv.put(key(), '')
    await refusal(kv.atomicPut(key(), 'v', null), 'KEY_EXISTS')
  })

  it('creates a key again after it was deleted', async ({ kv, key }) => {
    await kv.atomicPut(key(), '1', null)
    await kv.delete(key())
    await kv.atomicPut(key(), '2', null)
    assert.equal(textOf(await kv.get(key())), '2')
  })

  it('replaces what was put', async ({ kv, key }) => {
    const first = await kv.put(key(), '1')
    const second = await kv.atomicPut(key(), '2', first)
    assert.equal(second.text(), '2')
    samePair(await kv.get(key()), second)
  })

  it('replaces what was got, listed and created', async ({ kv, key, dir }) => {
    await kv.atomicPut(key(), '1', null)
    await kv.atomicPut(key(), '2', await kv.get(key()))
    const [listed] = await kv.list(dir)
    const third = await kv.atomicPut(key(), '3', listed ?? null)
    await kv.atomicPut(key(), '4', third)
    assert.equal(textOf(await kv.get(key())), '4')
  })

  it('replaces what another store has written', async ({ kv, key, open }) => {
    const other = await open()
    const first = await other.put(key(), '1')
    await kv.atomicPut(key(), '2', first)
    assert.equal(textOf(await other.get(key())), '2')
  })

  it('goes by the revisions of a pair, whatever object holds them', async ({ kv, key }) => {
    const { revision, createRevision } = await kv.put(key(), '1')
    const copy = { revision, createRevision, key: key(), value: new Uint8Array() }
    await kv.atomicPut(key(), '2', copy)
    assert.equal(textOf(await kv.get(key())), '2')
  })

  it('goes by a version that has been to another program as JSON', async ({ kv, key }) => {
    const sent = JSON.stringify(await kv.put(key(), '1'))
    const first = JSON.parse(sent) as Version
    await kv.atomicPut(key(), '2', first)
    await refusal(kv.atomicPut(key(), '3', first), 'KEY_MODIFIED')
    const second = JSON.parse(JSON.stringify(await kv.get(key()))) as Version
    await kv.atomicDelete(key(), second)
    assert.equal(await kv.get(key()), null)
  })

  it('does not replace what was written since', async ({ kv, key }) => {
    const first = await kv.put(key(), '1')
    const second = await kv.put(key(), '2')
    const error = await refusal(kv.atomicPut(key(), '3', first), 'KEY_MODIFIED')
    tells(error, second)
    samePair(await kv.get(key()), second)
  })

  it('does not replace what was written since with the same bytes', async ({ kv, key }) => {
    const first = await kv.put(key(), 'same')
    const second = await kv.put(key(), 'same')
    await refusal(kv.atomicPut(key(), 'same', first), 'KEY_MODIFIED')
    samePair(await kv.get(key()), second)
  })

  it('does not replace with the same pair twice', async ({ kv, key }) => {
    const first = await kv.put(key(), '1')
    const second = await kv.atomicPut(key(), '2', first)
    tells(await refusal(kv.atomicPut(key(), '3', first), 'KEY_MODIFIED'), second)
  })

  it('does not replace what is gone', async ({ kv, key }) => {
    const first = await kv.put(key(), '1')
    await kv.delete(key())
    const error = await refusal(kv.atomicPut(key(), '2', first), 'KEY_NOT_FOUND')
    tells(error, null)
    assert.equal(await kv.get(key()), null)
  })

  it('does not replace what was deleted and created again', async ({ kv, key }) => {
    const first = await kv.put(key(), 'same')
    await kv.delete(key())
    const second = await kv.put(key(), 'same')
    tells(await refusal(kv.atomicPut(key(), 'new', first), 'KEY_MODIFIED'), second)
    samePair(await kv.get(key()), second)
  })

  it('does not replace with an old pair after as many writes as before', async ({ kv, key }) => {
    await kv.put(key(), 'a')
    await kv.put(key(), 'b')
    const old = await kv.put(key(), 'c')
    await kv.delete(key())
    await kv.put(key(), 'a')
    await kv.put(key(), 'b')
    await kv.put(key(), 'c')
    await refusal(kv.atomicPut(key(), 'd', old), 'KEY_MODIFIED')
    await refusal(kv.atomicDelete(key(), old), 'KEY_MODIFIED')
  })

  it('does not replace a key with the pair of another one', async ({ kv, key }) => {
    const a = await kv.put(key('a'), 'v')
    const b = await kv.put(key('b'), 'v')
    await refusal(kv.atomicPut(key('b'), 'new', a), 'INVALID_OPTION')
    samePair(await kv.get(key('b')), b)
  })

  it('does not look at keys around it', async ({ kv, key }) => {
    const first = await kv.put(key('a'), '1')
    await kv.put(key('a/b'), 'v')
    await kv.put(key('ab'), 'v')
    await kv.delete(key('a/b'))
    await kv.atomicPut(key('a'), '2', first)
    assert.equal(textOf(await kv.get(key('a'))), '2')
  })

  it('deletes what was put', async ({ kv, key }) => {
    const pair = await kv.put(key(), 'v')
    await kv.atomicDelete(key(), pair)
    assert.equal(await kv.exists(key()), false)
  })

  it('deletes a key and leaves its descendants', async ({ kv, key }) => {
    const pair = await kv.put(key('a'), 'v')
    await kv.put(key('a/b'), 'v')
    await kv.atomicDelete(key('a'), pair)
    assert.equal(await kv.exists(key('a/b')), true)
  })

  it('does not delete what was written since', async ({ kv, key }) => {
    const first = await kv.put(key(), '1')
    const second = await kv.put(key(), '2')
    const error = await refusal(kv.atomicDelete(key(), first), 'KEY_MODIFIED')
    tells(error, second)
    samePair(await kv.get(key()), second)
  })

  it('does not delete what was written since with the same bytes', async ({ kv, key }) => {
    const first = await kv.put(key(), 'same')
    await kv.put(key(), 'same')
    await refusal(kv.atomicDelete(key(), first), 'KEY_MODIFIED')
    assert.equal(await kv.exists(key()), true)
  })

  it('does not delete what is gone', async ({ kv, key }) => {
    const first = await kv.put(key(), 'v')
    await kv.atomicDelete(key(), first)
    tells(await refusal(kv.atomicDelete(key(), first), 'KEY_NOT_FOUND'), null)
  })

  it('does not delete what was deleted and created again', async ({ kv, key }) => {
    const first = await kv.put(key(), 'same')
    await kv.delete(key())
    const second = await kv.put(key(), 'same')
    await refusal(kv.atomicDelete(key(), first), 'KEY_MODIFIED')
    samePair(await kv.get(key()), second)
  })

  it('does not delete a key with the pair of another one', async ({ kv, key }) => {
    const a = await kv.put(key('a'), 'v')
    await kv.put(key('b'), 'v')
    await refusal(kv.atomicDelete(key('b'), a), 'INVALID_OPTION')
    assert.equal(await kv.exists(key('b')), true)
  })

  it(
    'does not take a pair for that of another key written at the same revision',
    async ({ kv, key }) => {
      const { results } = await kv.transaction([put(key('a'), 'v'), put(key('b'), 'v')])
      const a = results[0] ?? null
      await refusal(kv.atomicPut(key('b'), 'new', a), 'INVALID_OPTION')
      await refusal(kv.transaction([check(key('b'), a)]), 'INVALID_OPTION')
      assert.equal(textOf(await kv.get(key('b'))), 'v')
    },
    withoutTransactions(target),
  )
})
