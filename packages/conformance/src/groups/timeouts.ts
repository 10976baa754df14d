import assert from 'node:assert/strict'
import { group } from '../group.ts'
import type { CaseGroup } from '../group.ts'
import { misuse, refusal } from '../refusal.ts'
import { storeCalls } from '../store-calls.ts'

const notTimeouts: Readonly<Record<string, unknown>> = {
  zero: 0,
  'a negative number': -5,
  NaN: Number.NaN,
  infinity: Infinity,
}

export const timeoutCases: CaseGroup = group('timeouts', ({ it, target }) => {
  for (const call of storeCalls) {
    const skip = call.skip?.(target)
    it(
      `${call.name} refuses a timeout of no milliseconds`,
      async ({ kv, key }) => {
        const error = await refusal(() => call.run(kv, key(), { timeout: 0 }), 'INVALID_OPTION')
        assert.match(error.message, /timeout/)
        assert.equal(error.backend, kv.backend)
        assert.equal(await kv.exists(key()), false)
      },
      skip,
    )
  }

  for (const [what, timeout] of Object.entries(notTimeouts)) {
    it(`refuses ${what} as a timeout`, async ({ kv, key }) => {
      const options = { timeout: timeout as number }
      await refusal(kv.get(key(), options), 'INVALID_OPTION')
      await refusal(kv.put(key(), 'v', options), 'INVALID_OPTION')
      await refusal(kv.newLock(key()).lock(options), 'INVALID_OPTION')
      assert.equal(await kv.exists(key()), false)
    })

    it(`refuses ${what} as the requestTimeout of a store`, async ({ open }) => {
      await refusal(() => open({ requestTimeout: timeout as number }), 'INVALID_OPTION')
    })

    it(`refuses ${what} as the connectionTimeout of a store`, async ({ open }) => {
      await refusal(() => open({ connectionTimeout: timeout as number }), 'INVALID_OPTION')
    })
  }

  it('takes a timeout that is no number for a TypeError', async ({ kv, key, open }) => {
    const options = { timeout: '100' as unknown as number }
    await misuse(kv.get(key(), options))
    await misuse(kv.put(key(), 'v', options))
    await misuse(kv.newLock(key()).lock(options))
    assert.equal(await kv.exists(key()), false)
    await misuse(() => open({ requestTimeout: '100' as unknown as number }))
    await misuse(() => open({ connectionTimeout: '100' as unknown as number }))
  })

  it('changes nothing when the answer is in time', async ({ kv, key, dir }) => {
    const options = { timeout: 4_000 }
    await kv.put(key(), 'v', options)
    assert.equal((await kv.get(key(), options))?.text(), 'v')
    assert.equal((await kv.list(dir, options)).length, 1)
    assert.equal(await kv.delete(key(), options), true)
  })
})
