import assert from 'node:assert/strict'
import type { KVPair, WriteOptions } from '@libkv/core'
import { group } from '../group.ts'
import type { CaseGroup } from '../group.ts'
import type { Harness } from '../harness.ts'
import { States } from '../states.ts'

async function firstOf<T>(watch: AsyncIterable<T>): Promise<T> {
  await using states = new States(watch)
  return await states.next()
}

/** Every way to get a pair, of a key that holds `text`. */
const ways: Readonly<
  Record<
    string,
    (harness: Harness, key: string, text: string) => Promise<KVPair | null | undefined>
  >
> = {
  put: ({ kv }, key, text) => kv.put(key, text),
  get: ({ kv }, key) => kv.get(key),
  list: async ({ kv, dir }, key) => (await kv.list(dir)).find((pair) => pair.key === key),
  watch: async ({ kv }, key) => {
    await using states = new States(kv.watch(key))
    return await states.next()
  },
  watchTree: async ({ kv, dir }, key) => {
    await using states = new States(kv.watchTree(dir))
    const { pairs } = await states.next()
    return pairs.find((pair) => pair.key === key)
  },
  'the current pair of a conflict': async ({ kv }, key) => {
    const error: unknown = await kv.atomicPut(key, 'x', null).catch((reason: unknown) => reason)
    return (error as { current?: KVPair | null }).current
  },
}

export const returnedValueCases: CaseGroup = group('returned values', ({ it }) => {
  for (const [name, read] of Object.entries(ways)) {
    it(`have memory of their own, from ${name}`, async (harness) => {
      const { kv, key } = harness
      const text = 'a value'
      // Others that may be in the same answer.
      for (const other of ['a', 'b', 'c']) await kv.put(key(other), 'another value')
      await kv.put(key(), text)
      const pair = await read(harness, key(), text)
      // One round trip cannot tell it on all backends.
      if (pair === undefined && name.startsWith('the current')) return
      assert.ok(pair)
      assert.equal(pair.text(), text)
      assert.equal(pair.value.buffer.byteLength, text.length)
      assert.equal(pair.value.byteOffset, 0)
      assert.equal(pair.value.constructor.name, 'Uint8Array')
      assert.equal(structuredClone(pair.value).buffer.byteLength, text.length)
      pair.value.fill(0)
      assert.equal((await kv.get(key()))?.text(), text)
      assert.equal((await read(harness, key(), text))?.text(), text)
    })
  }

  it('are what was written, whatever becomes of the written array', async ({ kv, key }) => {
    const bytes = new Uint8Array([1, 2, 3])
    const writing = kv.put(key(), bytes)
    bytes.fill(9)
    const pair = await writing
    assert.deepEqual([...pair.value], [1, 2, 3])
    pair.value.fill(7)
    assert.deepEqual([...((await kv.get(key()))?.value ?? [])], [1, 2, 3])
  })

  it('are written as JSON with base64 and decimal revisions', async ({ kv, key }) => {
    const pair = await kv.put(key(), new Uint8Array([0, 255, 254]))
    assert.deepEqual(JSON.parse(JSON.stringify({ pair })), {
      pair: {
        key: key(),
        value: 'AP/+',
        revision: String(pair.revision),
        createRevision: String(pair.createRevision),
      },
    })
  })

  it('show whether the key is permanent, whoever reads it', async ({ kv, key, dir, steadyTtl }) => {
    const session = await kv.session({ ttl: steadyTtl })
    const writes: Readonly<Record<string, WriteOptions>> = {
      a: {},
      b: { ttl: steadyTtl },
      c: { session },
    }
    const expected: unknown[] = []
    for (const [name, options] of Object.entries(writes)) {
      const pair = await kv.put(key(name), 'v', options)
      const binding = name === 'a' ? undefined : 'lease'
      expected.push([key(name), binding])
      assert.equal('binding' in pair, binding !== undefined)
      assert.equal(pair.toJSON().binding, binding)
      for (const read of [pair, await kv.get(key(name)), await firstOf(kv.watch(key(name)))]) {
        assert.equal(read?.binding, binding)
      }
    }
    const tree = await firstOf(kv.watchTree(dir))
    for (const pairs of [await kv.list(dir), tree.pairs]) {
      assert.deepEqual(
        pairs.map((pair) => [pair.key, pair.binding]),
        expected,
      )
    }
    const permanent = await kv.put(key('b'), 'v')
    for (const pair of [permanent, await kv.get(key('b'))]) assert.equal(pair?.binding, undefined)
    const bound = await kv.atomicPut(key('b'), 'v', permanent, { session })
    for (const pair of [bound, await kv.get(key('b'))]) assert.equal(pair?.binding, 'lease')
  })

  it('are not shared by two watches of one key', async ({ kv, key }) => {
    await kv.put(key(), 'v')
    await using one = new States(kv.watch(key()))
    await using other = new States(kv.watch(key()))
    const first = await one.next()
    first?.value.fill(0)
    assert.equal((await other.next())?.text(), 'v')
  })

  it('of a watch can be iterated from its iterator', async ({ kv, key }) => {
    await kv.put(key(), 'v')
    const states = kv.watch(key())[Symbol.asyncIterator]() as AsyncIterableIterator<KVPair | null>
    for await (const pair of states) {
      assert.equal(pair?.text(), 'v')
      break
    }
  })
})
