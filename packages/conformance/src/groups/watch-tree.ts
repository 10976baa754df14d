import assert from 'node:assert/strict'
import { compareKeys } from '@libkv/core'
import type { KVPair, TreeSnapshot } from '@libkv/core'
import { lines, samePair, textOf } from '../bytes.ts'
import { group } from '../group.ts'
import type { CaseGroup } from '../group.ts'
import { States } from '../states.ts'

/** `+key=value` and `-key` for each change. */
function summary({ changes }: TreeSnapshot): string[] {
  return changes.map((change) =>
    change.type === 'put' ? `+${change.key}=${change.pair.text()}` : `-${change.key}`,
  )
}

export const watchTreeCases: CaseGroup = group('watching a tree', ({ it }) => {
  it('yields the whole tree first, sorted, and all of it as changes', async (h) => {
    const { kv, key, dir } = h
    for (const name of ['b', 'a', 'a/b', 'a-b', 'c/d/e']) await kv.put(key(name), name)
    const expected = await kv.list(dir)
    await using states = new States(kv.watchTree(dir))
    const first = await states.next()
    assert.deepEqual(lines(first.pairs), lines(expected))
    assert.deepEqual(
      summary(first),
      lines(expected).map((line) => `+${line}`),
    )
    for (const [i, pair] of first.pairs.entries()) samePair(pair, expected[i] ?? null)
    for (const change of first.changes) assert.equal(change.previous, undefined)
  })

  it('yields an empty tree first', async ({ kv, key }) => {
    await using states = new States(kv.watchTree(key('missing')))
    const first = await states.next()
    assert.deepEqual([...first.pairs], [])
    assert.deepEqual([...first.changes], [])
    assert.equal(typeof first.revision, 'bigint')
  })

  it('yields a new key with no previous state', async ({ kv, key, dir }) => {
    await using states = new States(kv.watchTree(dir))
    await states.next()
    const written = await kv.put(key('a'), '1')
    const { changes, pairs, revision } = await states.next()
    assert.equal(changes.length, 1)
    assert.equal(changes[0]?.type, 'put')
    assert.equal(changes[0].key, key('a'))
    samePair(changes[0].pair, written)
    assert.equal(changes[0].previous, undefined)
    samePair(pairs[0], written)
    assert.ok(revision >= written.revision)
  })

  it('yields a change with the state before', async ({ kv, key, dir }) => {
    const before = await kv.put(key('a'), '1')
    await kv.put(key('b'), '1')
    await using states = new States(kv.watchTree(dir))
    await states.next()
    const after = await kv.put(key('a'), '2')
    const { changes, pairs } = await states.next()
    assert.equal(changes.length, 1)
    samePair(changes[0]?.pair, after)
    samePair(changes[0]?.previous, before)
    assert.deepEqual(lines(pairs), [`${key('a')}=2`, `${key('b')}=1`])
  })

  it('yields a deletion with the state before', async ({ kv, key, dir }) => {
    const before = await kv.put(key('a'), '1')
    await kv.put(key('b'), '1')
    await using states = new States(kv.watchTree(dir))
    await states.next()
    await kv.delete(key('a'))
    const { changes, pairs } = await states.next()
    assert.equal(changes.length, 1)
    assert.equal(changes[0]?.type, 'delete')
    assert.equal(changes[0].key, key('a'))
    assert.equal(changes[0].pair, undefined)
    samePair(changes[0].previous, before)
    assert.deepEqual(lines(pairs), [`${key('b')}=1`])
  })

  it('yields a write of the same bytes as a change', async ({ kv, key, dir }) => {
    const before = await kv.put(key('a'), 'same')
    await using states = new States(kv.watchTree(dir))
    await states.next()
    const after = await kv.put(key('a'), 'same')
    const { changes } = await states.next()
    samePair(changes[0]?.pair, after)
    samePair(changes[0]?.previous, before)
  })

  it('yields changes at any depth', async ({ kv, key, dir }) => {
    await using states = new States(kv.watchTree(dir))
    await states.next()
    for (const name of ['a', 'a/b', 'a/b/c/d/e', 'x/y/z']) {
      await kv.put(key(name), 'v')
      assert.deepEqual(summary(await states.next()), [`+${key(name)}=v`])
    }
    await kv.delete(key('a/b'))
    assert.deepEqual(summary(await states.next()), [`-${key('a/b')}`])
    await kv.put(key('a/b/c/d/e'), '2')
    assert.deepEqual(summary(await states.next()), [`+${key('a/b/c/d/e')}=2`])
  })

  it('does not see siblings, nor the key named as the tree', async ({ kv, key }) => {
    await using states = new States(kv.watchTree(key('tree')))
    await states.next()
    for (const name of ['tree', 'tree-x/a', 'tree.a', 'treex', 'tre', 'Tree/a']) {
      await kv.put(key(name), 'other')
    }
    await kv.put(key('tree/a'), 'own')
    const { changes, pairs } = await states.next()
    assert.equal(changes.length, 1)
    assert.deepEqual(lines(pairs), [`${key('tree/a')}=own`])
  })

  it('sees what other stores do', async ({ kv, key, dir, open }) => {
    const other = await open()
    await using states = new States(kv.watchTree(dir))
    await states.next()
    await other.put(key('a'), 'v')
    assert.deepEqual(summary(await states.next()), [`+${key('a')}=v`])
  })

  it('sees a tree being deleted', async ({ kv, key, dir }) => {
    for (const name of ['tree', 'tree/a', 'tree/b/c', 'treex']) await kv.put(key(name), 'v')
    await using states = new States(kv.watchTree(dir))
    await states.next()
    await kv.deleteTree(key('tree'))
    const seen = await states.until(({ pairs }) => pairs.length === 1)
    const deleted = seen.flatMap(summary).sort()
    assert.deepEqual(deleted, [`-${key('tree')}`, `-${key('tree/a')}`, `-${key('tree/b/c')}`])
    assert.deepEqual(lines(seen.at(-1)?.pairs ?? []), [`${key('treex')}=v`])
  })

  it('survives that its whole tree comes and goes', async ({ kv, key }) => {
    await using states = new States(kv.watchTree(key('tree')))
    await states.next()
    for (let round = 0; round < 3; round++) {
      await kv.put(key('tree/a/b'), String(round))
      await states.until(({ pairs }) => pairs.length === 1)
      await kv.deleteTree(key('tree'))
      await states.until(({ pairs }) => pairs.length === 0)
    }
  })

  it('gives older snapshots as they were, also when first read later', async (h) => {
    const { kv, key, dir } = h
    await kv.put(key('a'), '1')
    await using states = new States(kv.watchTree(dir))
    const first = await states.next()
    await kv.put(key('b'), '1')
    const second = await states.next()
    await kv.put(key('a'), '2')
    const third = await states.next()
    await kv.delete(key('b'))
    const fourth = await states.next()
    assert.deepEqual(lines(third.pairs), [`${key('a')}=2`, `${key('b')}=1`])
    assert.deepEqual(lines(first.pairs), [`${key('a')}=1`])
    assert.deepEqual(lines(fourth.pairs), [`${key('a')}=2`])
    assert.deepEqual(lines(second.pairs), [`${key('a')}=1`, `${key('b')}=1`])
    assert.deepEqual(lines(first.pairs), [`${key('a')}=1`])
  })

  it('merges what a slow reader misses, and yields the last state', async (h) => {
    const { kv, key, dir } = h
    await using states = new States(kv.watchTree(dir))
    await states.next()
    for (let i = 1; i <= 60; i++) await kv.put(key(String(i % 3)), String(i))
    await kv.delete(key('0'))
    const isLast = ({ pairs }: TreeSnapshot): boolean =>
      pairs.length === 2 && pairs.every((pair) => Number(pair.text()) >= 58)
    const seen = await states.until(isLast)
    assert.deepEqual(lines(seen.at(-1)?.pairs ?? []), [`${key('1')}=58`, `${key('2')}=59`])
    await kv.put(key('end'), 'v')
    assert.deepEqual(summary(await states.next()), [`+${key('end')}=v`])
  })

  it('yields changes that add up, revisions that grow, and no state twice', async (h) => {
    const { kv, key, dir, open } = h
    const other = await open()
    await using states = new States(kv.watchTree(dir))
    const reading = states.until(({ pairs }) => pairs.some((pair) => pair.key === key('end')))
    let state = 7
    for (let i = 0; i < 120; i++) {
      state = (state * 1_103_515_245 + 12_345) % 2_147_483_648
      const name = key(`${String(state % 5)}/${String(state % 3)}`)
      if (state % 7 < 2) await other.delete(name)
      else await other.put(name, String(i))
    }
    await other.put(key('end'), 'v')
    const tree = new Map<string, KVPair>()
    let last = -1n
    for (const { changes, pairs, revision } of await reading) {
      assert.ok(revision >= last, 'the revision went backwards')
      assert.ok(changes.length > 0 || last === -1n, 'a snapshot came without a change')
      last = revision
      const inOrder = changes.map((change) => change.key).sort(compareKeys)
      assert.deepEqual(
        changes.map((change) => change.key),
        inOrder,
      )
      for (const change of changes) {
        samePair(change.previous ?? null, tree.get(change.key) ?? null)
        if (change.type === 'delete') tree.delete(change.key)
        else tree.set(change.key, change.pair)
      }
      const sum = [...tree.values()].sort((a, b) => compareKeys(a.key, b.key))
      assert.deepEqual(lines(pairs), lines(sum))
      for (const pair of pairs) assert.ok(pair.revision <= revision)
    }
    assert.deepEqual(lines([...tree.values()]).sort(), lines(await kv.list(dir)).sort())
  })

  it('misses no write that happens while it opens', async ({ kv, key, dir, open }) => {
    const other = await open()
    for (let round = 0; round < 20; round++) {
      const name = key(String(round))
      const writing = other.put(name, 'v')
      await using states = new States(kv.watchTree(dir))
      await states.until(({ pairs }) => pairs.some((pair) => pair.key === name))
      await writing
    }
  })

  it('sorts pairs and changes by the bytes of UTF-8', async ({ kv, key, dir }) => {
    const names = ['a', 'a-b', 'a/b', 'a0', 'é', '\ue000', '\uffff', '🚀'].map(key)
    for (const name of [...names].reverse()) await kv.put(name, 'v')
    await using states = new States(kv.watchTree(dir))
    const { pairs, changes } = await states.next()
    assert.deepEqual(
      pairs.map((pair) => pair.key),
      names,
    )
    assert.deepEqual(
      changes.map((change) => change.key),
      names,
    )
  })

  it('yields a tree of a thousand keys whole', async ({ kv, key, dir, fill }) => {
    await fill(Array.from({ length: 1_000 }, (_, i) => [key(String(i).padStart(4, '0')), 'v']))
    await using states = new States(kv.watchTree(dir))
    const first = await states.next()
    assert.equal(first.pairs.length, 1_000)
    await kv.put(key('0500'), 'changed')
    const second = await states.next()
    assert.equal(second.changes.length, 1)
    assert.equal(second.pairs.length, 1_000)
    assert.equal(textOf(second.pairs[500]), 'changed')
  })

  it('tells watches of different trees apart', async ({ kv, key }) => {
    await using a = new States(kv.watchTree(key('a')))
    await using b = new States(kv.watchTree(key('b')))
    await a.next()
    await b.next()
    await kv.put(key('b/1'), 'v')
    await kv.put(key('a/1'), 'v')
    assert.deepEqual(summary(await a.next()), [`+${key('a/1')}=v`])
    assert.deepEqual(summary(await b.next()), [`+${key('b/1')}=v`])
  })
})
