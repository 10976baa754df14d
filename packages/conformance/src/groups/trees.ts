import assert from 'node:assert/strict'
import { noise, sameBytes } from '../bytes.ts'
import { group } from '../group.ts'
import type { CaseGroup } from '../group.ts'

/** Names next to `tree/`, some before and some after it in byte order; none is in the tree. */
const siblings = [
  'tre',
  'tree',
  'tree ',
  'tree!',
  'tree%2Fa',
  'tree-x',
  'tree-x/a',
  'tree.',
  'tree./a',
  'tree0',
  'treex',
  'treex/a',
  'tree\u{10ffff}',
  'Tree/a',
]
const members = ['tree/a', 'tree/a/b', 'tree/b', 'tree/z/y/x']

/** In the byte order of UTF-8: `!` and `-` and `.` come before the slash; U+FFFD before the emoji, unlike in UTF-16. */
const ordered = [
  'A',
  'B/a',
  'Z',
  '_',
  'a',
  'a b',
  'a!',
  'a-b',
  'a.b',
  'a/b',
  'a/b/c',
  'a0',
  'aa',
  'b',
  '~',
  '\u00a0',
  'é',
  'ключ',
  '键',
  '\ue000',
  '\ufb01',
  '\ufffd',
  '\uffff',
  '\u{10000}',
  '🚀',
  '\u{10ffff}',
]

export const treeCases: CaseGroup = group('trees', ({ it }) => {
  it('sees descendants at any depth', async ({ kv, key, dir }) => {
    const names = ['a', 'b/c', 'd/e/f', 'd/e/g/h/i']
    for (const name of names) await kv.put(key(name), 'v')
    assert.deepEqual(await kv.keys(dir), names.map(key))
    assert.deepEqual(await kv.keys(key('d')), [key('d/e/f'), key('d/e/g/h/i')])
    assert.deepEqual(await kv.keys(key('d/e/g')), [key('d/e/g/h/i')])
  })

  it('does not see the key that is named as the directory', async ({ kv, key }) => {
    await kv.put(key('tree'), 'v')
    await kv.put(key('tree/a'), 'v')
    assert.deepEqual(await kv.keys(key('tree')), [key('tree/a')])
  })

  for (const sibling of siblings) {
    it(`does not see the sibling '${sibling}'`, async ({ kv, key }) => {
      await kv.put(key(sibling), 'sibling')
      await kv.put(key('tree/a'), 'v')
      const pairs = await kv.list(key('tree'))
      assert.deepEqual(
        pairs.map((pair) => pair.key),
        [key('tree/a')],
      )
      assert.deepEqual(await kv.keys(key('tree')), [key('tree/a')])
    })
  }

  it('lists in the byte order of UTF-8', async ({ kv, key, dir, fill }) => {
    await fill([...ordered].reverse().map((name) => [key(name), 'v']))
    const expected = ordered.map(key)
    assert.deepEqual(await kv.keys(dir), expected)
    const listed = (await kv.list(dir)).map((pair) => pair.key)
    assert.deepEqual(listed, expected)
  })

  it('lists characters above U+FFFF after those below', async ({ kv, key, dir }) => {
    await kv.put(key('🚀'), 'v')
    await kv.put(key('\ue000'), 'v')
    await kv.put(key('\uffff'), 'v')
    assert.deepEqual(await kv.keys(dir), [key('\ue000'), key('\uffff'), key('🚀')])
  })

  it('lists a thousand keys', async ({ kv, key, dir, fill }) => {
    const names = Array.from({ length: 1_000 }, (_, i) => key(String(i).padStart(4, '0')))
    await fill(names.map((name) => [name, name]))
    assert.deepEqual(await kv.keys(dir), names)
    const pairs = await kv.list(dir)
    assert.equal(pairs.length, 1_000)
    assert.ok(pairs.every((pair) => pair.text() === pair.key))
    assert.equal(await kv.deleteTree(dir), 1_000)
    assert.deepEqual(await kv.keys(dir), [])
  })

  it('lists more than 4 MiB', async ({ kv, key, dir }) => {
    const values = Array.from({ length: 10 }, (_, i) => noise(480 * 1024, i + 1))
    for (const [i, value] of values.entries()) await kv.put(key(String(i)), value)
    const pairs = await kv.list(dir)
    assert.equal(pairs.length, 10)
    for (const [i, pair] of pairs.entries()) sameBytes(pair.value, values[i] ?? noise(0))
    assert.equal((await kv.keys(dir)).length, 10)
    assert.equal(await kv.deleteTree(dir), 10)
  })

  it('deletes a tree and says how many keys went', async ({ kv, key, names }) => {
    for (const name of members) await kv.put(key(name), 'v')
    assert.equal(await kv.deleteTree(key('tree')), members.length)
    assert.deepEqual(await names(), [])
  })

  it('deletes the key that is named as the tree along with it', async ({ kv, key, names }) => {
    await kv.put(key('tree'), 'v')
    for (const name of members) await kv.put(key(name), 'v')
    assert.equal(await kv.deleteTree(key('tree')), members.length + 1)
    assert.deepEqual(await names(), [])
  })

  it('deletes a tree that is only a leaf', async ({ kv, key }) => {
    await kv.put(key('leaf'), 'v')
    assert.equal(await kv.deleteTree(key('leaf')), 1)
    assert.equal(await kv.exists(key('leaf')), false)
  })

  it('deletes no keys of a tree that does not exist', async ({ kv, key }) => {
    assert.equal(await kv.deleteTree(key('missing')), 0)
  })

  it('deletes no siblings of a tree', async ({ kv, key, names }) => {
    const others = siblings.filter((name) => name !== 'tree')
    for (const name of [...others, ...members]) await kv.put(key(name), 'v')
    assert.equal(await kv.deleteTree(key('tree')), members.length)
    assert.deepEqual(new Set(await names()), new Set(others))
  })

  it('deletes a part of a tree and leaves the rest', async ({ kv, key, names }) => {
    for (const name of ['a', 'a/b', 'a/b/c', 'a/d']) await kv.put(key(name), 'v')
    assert.equal(await kv.deleteTree(key('a/b')), 2)
    assert.deepEqual(await names(), ['a', 'a/d'])
  })

  it('creates a tree again after it was deleted', async ({ kv, key, names }) => {
    await kv.put(key('tree/a/b'), '1')
    await kv.deleteTree(key('tree'))
    await kv.put(key('tree/a/b'), '2')
    assert.deepEqual(await names(), ['tree/a/b'])
  })

  it('deletes a tree twice at once, and counts each key once', async ({ kv, key, open }) => {
    const other = await open()
    for (const name of members) await kv.put(key(name), 'v')
    const counts = await Promise.all([kv.deleteTree(key('tree')), other.deleteTree(key('tree'))])
    assert.equal(counts[0] + counts[1], members.length)
  })

  it('lists a tree that changes meanwhile, and what does not change', async (h) => {
    const { kv, key, dir, open } = h
    const other = await open()
    const fixed = ['a/1', 'm/n/o', 'z'].map(key)
    for (const name of fixed) await kv.put(name, 'v')
    let isDone = false
    const churning = (async () => {
      for (let i = 0; i < 40; i++) {
        await other.put(key(`m/x/${String(i % 4)}/y`), 'v')
        await other.deleteTree(key(`m/x/${String((i + 2) % 4)}`))
      }
      isDone = true
    })()
    while (!isDone) {
      const listed = await kv.keys(dir)
      const pairs = await kv.list(dir)
      for (const name of fixed) {
        assert.ok(listed.includes(name))
        assert.ok(pairs.some((pair) => pair.key === name))
      }
    }
    await churning
  })

  it('deletes a tree that others write to meanwhile', async ({ kv, key, dir, open }) => {
    const other = await open()
    const writing = Promise.all(
      Array.from({ length: 30 }, (_, i) => other.put(key(`a/${String(i % 5)}/${String(i)}`), 'v')),
    )
    let count = 0
    for (let i = 0; i < 5; i++) count += await kv.deleteTree(dir)
    await writing
    count += await kv.deleteTree(dir)
    assert.equal(count, 30)
    assert.deepEqual(await kv.keys(dir), [])
  })

  it('shows readers a small tree whole or not at all', async ({ kv, key, open }) => {
    const other = await open()
    for (let round = 0; round < 5; round++) {
      for (let i = 0; i < 10; i++) await kv.put(key(`tree/${String(i)}`), 'v')
      const deleting = kv.deleteTree(key('tree'))
      const sights = await Promise.all(Array.from({ length: 5 }, () => other.keys(key('tree'))))
      await deleting
      for (const { length } of sights) assert.ok(length === 10 || length === 0, String(length))
    }
  })
})
