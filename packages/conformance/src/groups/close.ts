import assert from 'node:assert/strict'
import type { Store } from '@libkv/core'
import { group } from '../group.ts'
import type { CaseGroup } from '../group.ts'
import { refusal } from '../refusal.ts'
import { storeCalls } from '../store-calls.ts'
import { within } from '../wait-for.ts'

export const closeCases: CaseGroup = group('close', ({ it, target }) => {
  for (const call of storeCalls) {
    const skip = call.skip?.(target)
    it(
      `${call.name} is refused afterwards`,
      async ({ open, key }) => {
        const store = await open()
        await store.close()
        const error = await refusal(() => call.run(store, key()), 'CLOSED')
        assert.equal(error.backend, store.backend)
        assert.equal(error.ambiguous, false)
      },
      skip,
    )

    it(
      `${call.name} rejects with CLOSED when it is in flight`,
      async ({ open, key }) => {
        const store = await open()
        const inFlight = call.run(store, key())
        // A watch ends without an error, and so do those who wait for it.
        const isWatch = call.name.startsWith('watch')
        const settled = isWatch ? inFlight : refusal(inFlight, 'CLOSED')
        await within('close', store.close())
        if (isWatch) assert.equal(await settled, undefined)
        else await settled
      },
      skip,
    )
  }

  it('is refused as closed while it closes', async ({ open, key }) => {
    const store = await open()
    await store.put(key(), 'v')
    const closing = store.close()
    await refusal(store.get(key()), 'CLOSED')
    await closing
  })

  it('closes any number of times', async ({ open, key }) => {
    const store = await open()
    await store.get(key())
    await Promise.all([store.close(), store.close()])
    await store.close()
  })

  it('closes a store that was never used', async ({ open }) => {
    const store = await open()
    await within('close', store.close())
  })

  it('closes at the end of its block', async ({ open, key }) => {
    let seen: Store
    {
      await using store = await open()
      seen = store
      await store.put(key(), 'v')
    }
    await refusal(seen.get(key()), 'CLOSED')
  })

  it('leaves other stores alone', async ({ kv, open, key }) => {
    const store = await open()
    await store.put(key(), 'v')
    await store.close()
    assert.equal((await kv.get(key()))?.text(), 'v')
  })

  it('rejects many calls in flight', async ({ open, key }) => {
    const store = await open()
    await store.ready()
    const calls = Array.from({ length: 50 }, (_, i) =>
      refusal(store.put(key(String(i)), 'v'), 'CLOSED'),
    )
    await within('close', store.close())
    await Promise.all(calls)
  })

  it('leaves nothing of a session that was being opened', async ({ kv, open, key }) => {
    const store = await open()
    await store.ready()
    const opening = refusal(store.session(), 'CLOSED')
    await within('close', store.close())
    await opening
    assert.equal(await kv.exists(key()), false)
  })
})
