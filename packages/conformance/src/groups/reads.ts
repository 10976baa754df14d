import assert from 'node:assert/strict'
import { lines, samePair, textOf } from '../bytes.ts'
import { group } from '../group.ts'
import type { CaseGroup } from '../group.ts'
import { misuse, refusal } from '../refusal.ts'
import { waitFor } from '../wait-for.ts'

const wrongConsistencies: Readonly<Record<string, unknown>> = {
  'an unknown name': 'eventual',
  'an empty string': '',
}

export const readCases: CaseGroup = group('reading', ({ it }) => {
  it('gets null for an absent key', async ({ kv, key }) => {
    assert.equal(await kv.get(key()), null)
  })

  it('gets what was put, as it was answered', async ({ kv, key }) => {
    const written = await kv.put(key(), 'v')
    samePair(await kv.get(key()), written)
  })

  it('says whether a key exists', async ({ kv, key }) => {
    assert.equal(await kv.exists(key()), false)
    await kv.put(key(), 'v')
    assert.equal(await kv.exists(key()), true)
    await kv.delete(key())
    assert.equal(await kv.exists(key()), false)
  })

  it('lists nothing in a directory that does not exist', async ({ kv, key }) => {
    assert.deepEqual(await kv.list(key('missing')), [])
    assert.deepEqual(await kv.keys(key('missing')), [])
  })

  it('lists nothing below a leaf', async ({ kv, key }) => {
    await kv.put(key('leaf'), 'v')
    assert.deepEqual(await kv.list(key('leaf')), [])
    assert.deepEqual(await kv.keys(key('leaf')), [])
  })

  it('lists the pairs as get gives them', async ({ kv, key, dir }) => {
    await kv.put(key('a'), '1')
    await kv.put(key('b'), '2')
    await kv.put(key('b'), '3')
    const pairs = await kv.list(dir)
    assert.deepEqual(lines(pairs), [`${key('a')}=1`, `${key('b')}=3`])
    for (const pair of pairs) samePair(pair, await kv.get(pair.key))
  })

  it('gives with keys what list gives', async ({ kv, key, dir }) => {
    for (const name of ['b', 'a', 'a/b', 'c/d/e']) await kv.put(key(name), 'v')
    const listed = (await kv.list(dir)).map((pair) => pair.key)
    assert.deepEqual(await kv.keys(dir), listed)
    assert.deepEqual(listed, ['a', 'a/b', 'b', 'c/d/e'].map(key))
  })

  it('finds a value of its own in every pair of a list', async ({ kv, key, dir, fill }) => {
    await fill(Array.from({ length: 50 }, (_, i) => [key(`k${String(i)}`), `v${String(i)}`]))
    for (const pair of await kv.list(dir)) {
      assert.equal(pair.text(), pair.key.replace(key('k'), 'v'))
    }
  })

  it('reads at once what another store has written', async ({ kv, key, dir, open }) => {
    const writer = await open()
    for (let i = 0; i < 20; i++) {
      await writer.put(key('counter'), String(i))
      assert.equal(textOf(await kv.get(key('counter'))), String(i))
      const [listed] = await kv.list(dir)
      assert.equal(textOf(listed), String(i))
    }
  })

  it('sees at once what another store has created and deleted', async ({ kv, key, dir, open }) => {
    const writer = await open()
    for (let i = 0; i < 10; i++) {
      await writer.put(key(), 'v')
      assert.equal(await kv.exists(key()), true)
      assert.deepEqual(await kv.keys(dir), [key()])
      await writer.delete(key())
      assert.equal(await kv.exists(key()), false)
      assert.deepEqual(await kv.keys(dir), [])
    }
  })

  it('never reads backwards while somebody writes', async ({ kv, key, open }) => {
    const writer = await open()
    await writer.put(key(), '0')
    let isDone = false
    const writing = (async () => {
      for (let i = 1; i <= 100; i++) await writer.put(key(), String(i))
      isDone = true
    })()
    let last = 0n
    while (!isDone) {
      const { revision } = (await kv.get(key())) ?? { revision: -1n }
      assert.ok(revision >= last, 'a later read gave an earlier state')
      last = revision
    }
    await writing
  })

  it('reads with consistency linearizable', async ({ kv, key, dir }) => {
    const options = { consistency: 'linearizable' } as const
    const written = await kv.put(key(), 'v')
    samePair(await kv.get(key(), options), written)
    assert.equal(await kv.exists(key(), options), true)
    assert.deepEqual(lines(await kv.list(dir, options)), [`${key()}=v`])
    assert.deepEqual(await kv.keys(dir, options), [key()])
  })

  it('reads with consistency stale, if late', async ({ kv, key, dir }) => {
    const options = { consistency: 'stale' } as const
    const written = await kv.put(key(), 'v')
    await waitFor('a replica has the key', () => kv.exists(key(), options))
    samePair(await waitFor('a replica has it', () => kv.get(key(), options)), written)
    const listed = await waitFor('a replica lists it', async () => (await kv.list(dir, options))[0])
    samePair(listed, written)
    await waitFor('a replica has the keys', async () => (await kv.keys(dir, options)).length === 1)
  })

  it('reads null, false and nothing with consistency stale', async ({ kv, key }) => {
    const options = { consistency: 'stale' } as const
    assert.equal(await kv.get(key(), options), null)
    assert.equal(await kv.exists(key(), options), false)
    assert.deepEqual(await kv.list(key(), options), [])
    assert.deepEqual(await kv.keys(key(), options), [])
  })

  for (const call of ['get', 'exists', 'list', 'keys'] as const) {
    for (const [what, consistency] of Object.entries(wrongConsistencies)) {
      it(`${call} refuses ${what} as its consistency`, async ({ kv, key }) => {
        const options = { consistency: consistency as 'stale' }
        const error = await refusal(kv[call](key(), options), 'INVALID_OPTION')
        assert.match(error.message, /linearizable.*stale/)
      })
    }
  }

  it('takes a consistency that is no text for a TypeError', async ({ kv, key }) => {
    const options = { consistency: true as unknown as 'stale' }
    for (const call of ['get', 'exists', 'list', 'keys'] as const)
      await misuse(kv[call](key(), options))
  })

  it('answers many reads at once', async ({ kv, key, fill }) => {
    await fill(Array.from({ length: 20 }, (_, i) => [key(String(i)), String(i)]))
    const reads = Array.from({ length: 200 }, (_, i) => kv.get(key(String(i % 20))))
    const values = (await Promise.all(reads)).map(textOf)
    assert.deepEqual(
      values,
      Array.from({ length: 200 }, (_, i) => String(i % 20)),
    )
  })
})
