import assert from 'node:assert/strict'
import type { KVPair } from '@libkv/core'
import { samePair, textOf } from '../bytes.ts'
import { group } from '../group.ts'
import type { CaseGroup } from '../group.ts'
import { States } from '../states.ts'

const hasText =
  (text: string) =>
  (pair: KVPair | null): boolean =>
    textOf(pair) === text

export const watchCases: CaseGroup = group('watching a key', ({ it }) => {
  it('yields null first when the key is absent', async ({ kv, key }) => {
    await using states = new States(kv.watch(key()))
    assert.equal(await states.next(), null)
  })

  it('yields the current value first, then each change', async ({ kv, key }) => {
    const written = await kv.put(key(), '1')
    await using states = new States(kv.watch(key()))
    samePair(await states.next(), written)
    for (const text of ['2', '3', '4']) {
      const next = await kv.put(key(), text)
      samePair(await states.next(), next)
    }
  })

  it('yields the birth, the death and the rebirth of a key', async ({ kv, key }) => {
    await using states = new States(kv.watch(key()))
    assert.equal(await states.next(), null)
    const first = await kv.put(key(), '1')
    samePair(await states.next(), first)
    await kv.delete(key())
    assert.equal(await states.next(), null)
    const second = await kv.put(key(), '2')
    samePair(await states.next(), second)
    assert.ok(second.createRevision > first.createRevision)
  })

  it('yields an empty value as a pair, not as null', async ({ kv, key }) => {
    await using states = new States(kv.watch(key()))
    assert.equal(await states.next(), null)
    await kv.put(key(), '')
    assert.equal(textOf(await states.next()), '')
  })

  it('yields a write of the same bytes', async ({ kv, key }) => {
    const first = await kv.put(key(), 'same')
    await using states = new States(kv.watch(key()))
    samePair(await states.next(), first)
    const second = await kv.put(key(), 'same')
    samePair(await states.next(), second)
    assert.ok(second.revision > first.revision)
  })

  it('yields what another store writes', async ({ kv, key, open }) => {
    const other = await open()
    await using states = new States(kv.watch(key()))
    assert.equal(await states.next(), null)
    samePair(await other.put(key(), 'v'), await states.next())
  })

  it('yields what atomicPut, atomicDelete and deleteTree do', async ({ kv, key }) => {
    await using states = new States(kv.watch(key('a')))
    assert.equal(await states.next(), null)
    const created = await kv.atomicPut(key('a'), '1', null)
    samePair(await states.next(), created)
    await kv.atomicDelete(key('a'), created)
    assert.equal(await states.next(), null)
    await kv.put(key('a'), '2')
    assert.equal(textOf(await states.next()), '2')
    await kv.deleteTree(key('a'))
    assert.equal(await states.next(), null)
  })

  it('watches a key in a directory that does not exist', async ({ kv, key }) => {
    await using states = new States(kv.watch(key('a/b/c')))
    assert.equal(await states.next(), null)
    await kv.put(key('a/b/c'), 'v')
    assert.equal(textOf(await states.next()), 'v')
  })

  it('survives that the directory of its key comes and goes', async ({ kv, key }) => {
    await using states = new States(kv.watch(key('a/b')))
    assert.equal(await states.next(), null)
    for (const text of ['1', '2']) {
      await kv.put(key('a/b'), text)
      await states.until(hasText(text))
      await kv.deleteTree(key('a'))
      await states.until((pair) => pair === null)
    }
  })

  it('does not see descendants and siblings', async ({ kv, key }) => {
    await using states = new States(kv.watch(key('a')))
    assert.equal(await states.next(), null)
    for (const name of ['a/b', 'a/b/c', 'ab', 'a-b', 'A', 'b']) await kv.put(key(name), 'other')
    await kv.delete(key('a/b'))
    await kv.put(key('a'), 'own')
    assert.equal(textOf(await states.next()), 'own')
  })

  it('does not yield anything when nothing was deleted', async ({ kv, key }) => {
    await using states = new States(kv.watch(key()))
    assert.equal(await states.next(), null)
    assert.equal(await kv.delete(key()), false)
    assert.equal(await kv.deleteTree(key()), 0)
    await kv.put(key(), 'v')
    assert.equal(textOf(await states.next()), 'v')
  })

  it('merges what a slow reader misses, and yields the last state', async ({ kv, key }) => {
    await using states = new States(kv.watch(key()))
    assert.equal(await states.next(), null)
    for (let i = 1; i <= 100; i++) await kv.put(key(), String(i))
    const seen = await states.until(hasText('100'))
    let last = 0n
    for (const pair of seen) {
      assert.ok(pair !== null && pair.revision > last, 'a state came again or out of order')
      last = pair.revision
    }
    await kv.put(key(), 'end')
    assert.equal(textOf(await states.next()), 'end')
  })

  it('yields the last state when a key was deleted and created unseen', async ({ kv, key }) => {
    const before = await kv.put(key(), 'same')
    await using states = new States(kv.watch(key()))
    samePair(await states.next(), before)
    await kv.delete(key())
    const after = await kv.put(key(), 'same')
    const seen = await states.until((pair) => pair?.revision === after.revision)
    samePair(seen.at(-1), after)
  })

  it('yields no state twice and none out of order to a quick reader', async (h) => {
    const { kv, key, open } = h
    const other = await open()
    await using states = new States(kv.watch(key()))
    const reading = states.until(hasText('end'))
    for (let i = 0; i < 50; i++) {
      await other.put(key(), String(i))
      if (i % 10 === 9) await other.delete(key())
    }
    await other.put(key(), 'end')
    const seen = await reading
    let last: KVPair | null | undefined
    let highest = 0n
    for (const pair of seen) {
      assert.ok(pair !== null || last !== null, 'null came twice in a row')
      if (pair !== null) assert.ok(pair.revision > highest, 'a state came again or out of order')
      highest = pair?.revision ?? highest
      last = pair
    }
  })

  it('misses no write that happens while it opens', async ({ kv, key, open }) => {
    const other = await open()
    for (let round = 0; round < 20; round++) {
      const text = String(round)
      const writing = other.put(key(), text)
      await using states = new States(kv.watch(key()))
      await states.until(hasText(text))
      await writing
    }
  })

  it('yields the same last state to many watchers', async ({ kv, key, open }) => {
    const other = await open()
    const watchers = Array.from(
      { length: 20 },
      (_, i) => new States((i % 2 === 0 ? kv : other).watch(key())),
    )
    await Promise.all(watchers.map((states) => states.next()))
    for (let i = 0; i < 10; i++) await kv.put(key(), String(i))
    const last = await kv.put(key(), 'last')
    const seen = await Promise.all(watchers.map((states) => states.until(hasText('last'))))
    for (const all of seen) samePair(all.at(-1), last)
    await Promise.all(watchers.map((states) => states.stop()))
  })

  it('tells watches of different keys apart', async ({ kv, key }) => {
    const names = Array.from({ length: 10 }, (_, i) => String(i))
    const watches = names.map((name) => new States(kv.watch(key(name))))
    for (const states of watches) assert.equal(await states.next(), null)
    for (const name of names) await kv.put(key(name), name)
    for (const [i, states] of watches.entries()) {
      assert.equal(textOf(await states.next()), String(i))
      await states.stop()
    }
  })

  it('yields large values and values of any bytes', async ({ kv, key }) => {
    const value = new Uint8Array(400 * 1024).fill(0xff)
    await using states = new States(kv.watch(key()))
    assert.equal(await states.next(), null)
    const written = await kv.put(key(), value)
    samePair(await states.next(), written)
  })

  it('begins anew each time that it is iterated', async ({ kv, key }) => {
    await kv.put(key(), '1')
    const watch = kv.watch(key())
    await using first = new States(watch)
    assert.equal(textOf(await first.next()), '1')
    await using second = new States(watch)
    assert.equal(textOf(await second.next()), '1')
    await kv.put(key(), '2')
    assert.equal(textOf(await first.next()), '2')
    assert.equal(textOf(await second.next()), '2')
  })

  it('answers several questions in the order in which they were asked', async ({ kv, key }) => {
    await using states = new States(kv.watch(key()))
    assert.equal(await states.next(), null)
    const asked = [states.next(), states.next(), states.next()]
    for (const text of ['1', '2', '3']) {
      await kv.put(key(), text)
      await asked[Number(text) - 1]
    }
    assert.deepEqual((await Promise.all(asked)).map(textOf), ['1', '2', '3'])
  })
})
