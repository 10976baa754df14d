import assert from 'node:assert/strict'
import { update } from '@libkv/core'
import { samePair, textOf } from '../bytes.ts'
import { group } from '../group.ts'
import type { CaseGroup } from '../group.ts'
import { refusal, rejection } from '../refusal.ts'

export const updateCases: CaseGroup = group('update', ({ it }) => {
  it('creates a key that is absent', async ({ kv, key }) => {
    const pair = await update(kv, key(), (current) => {
      assert.equal(current, null)
      return 'new'
    })
    assert.equal(textOf(pair), 'new')
    samePair(await kv.get(key()), pair)
  })

  it('changes a key from what it holds', async ({ kv, key }) => {
    await kv.put(key(), '1')
    const pair = await update(kv, key(), (current) => `${String(textOf(current))}2`)
    assert.equal(textOf(pair), '12')
    samePair(await kv.get(key()), pair)
  })

  it('takes a change that is asynchronous, and bytes', async ({ kv, key }) => {
    await update(kv, key(), () => Promise.resolve(new Uint8Array([65])))
    assert.equal(textOf(await kv.get(key())), 'A')
  })

  it('leaves a key alone when the change is undefined', async ({ kv, key }) => {
    const before = await kv.put(key(), 'v')
    samePair(await update(kv, key(), () => undefined), before)
    samePair(await kv.get(key()), before)
  })

  it('leaves an absent key alone when the change is undefined', async ({ kv, key }) => {
    assert.equal(await update(kv, key(), () => undefined), null)
    assert.equal(await kv.exists(key()), false)
  })

  it('loses none of ten increments at once', async ({ kv, key, open }) => {
    const stores = [kv, await open()]
    const increments = Array.from({ length: 10 }, (_, i) =>
      update(stores[i % 2] ?? kv, key(), (pair) => String(Number(textOf(pair) ?? 0) + 1)),
    )
    const seen = (await Promise.all(increments)).map(textOf)
    assert.equal(new Set(seen).size, 10)
    assert.equal(textOf(await kv.get(key())), '10')
  })

  it('computes again from what somebody else has written', async ({ kv, key, open }) => {
    const other = await open()
    await kv.put(key(), 'a')
    const seen: (string | null)[] = []
    const pair = await update(kv, key(), async (current) => {
      seen.push(textOf(current))
      if (seen.length <= 3) await other.put(key(), `a${String(seen.length)}`)
      return `${String(textOf(current))}!`
    })
    assert.deepEqual(seen, ['a', 'a1', 'a2', 'a3'])
    assert.equal(textOf(pair), 'a3!')
  })

  it('computes again when the key was deleted or created in between', async (h) => {
    const { kv, key, open } = h
    const other = await open()
    const seen: (string | null)[] = []
    const interfere = [() => other.put(key(), 'born'), () => other.delete(key())]
    await update(kv, key(), async (current) => {
      seen.push(textOf(current))
      await interfere[seen.length - 1]?.()
      return 'mine'
    })
    assert.deepEqual(seen, [null, 'born', null])
    assert.equal(textOf(await kv.get(key())), 'mine')
  })

  it('throws the last conflict when its attempts are used up', async ({ kv, key, open }) => {
    const other = await open()
    await kv.put(key(), '0')
    let count = 0
    const losing = update(
      kv,
      key(),
      async () => {
        await other.put(key(), String(++count))
        return 'mine'
      },
      { attempts: 3 },
    )
    await refusal(losing, 'KEY_MODIFIED')
    assert.equal(count, 3)
    assert.equal(textOf(await kv.get(key())), '3')
  })

  it('passes an error of the change on', async ({ kv, key }) => {
    const error = new Error('from the change')
    const failing = update(kv, key(), () => {
      throw error
    })
    assert.equal(await rejection(failing), error)
    assert.equal(await kv.exists(key()), false)
  })

  it('passes other errors of the store on', async ({ kv, key }) => {
    await refusal(
      update(kv, key('a//b'), () => 'v'),
      'INVALID_KEY',
    )
    await refusal(
      update(kv, key(), () => 'v', { ttl: -1 }),
      'INVALID_OPTION',
    )
  })

  it('binds the key to a session', async ({ kv, key }) => {
    const session = await kv.session()
    await update(kv, key(), () => 'v', { session })
    await session.close()
    assert.equal(await kv.get(key()), null)
  })

  it('ends with the signal’s own reason while it tries', async ({ kv, key, open }) => {
    const other = await open()
    const controller = new AbortController()
    const reason = new Error('enough')
    let count = 0
    const losing = update(
      kv,
      key(),
      async () => {
        await other.put(key(), 'theirs')
        if (++count === 4) controller.abort(reason)
        return 'mine'
      },
      { signal: controller.signal },
    )
    assert.equal(await rejection(losing), reason)
    assert.equal(textOf(await kv.get(key())), 'theirs')
  })
})
