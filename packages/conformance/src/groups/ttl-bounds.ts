import assert from 'node:assert/strict'
import { put } from '@libkv/core'
import type { Store } from '@libkv/core'
import { group, withoutTransactions } from '../group.ts'
import type { CaseGroup, SkipRule } from '../group.ts'
import { refusal } from '../refusal.ts'

/** All that takes a time to live. */
const calls: Readonly<
  Record<
    string,
    {
      readonly skip?: SkipRule
      readonly run: (store: Store, key: string, ttl: number) => unknown
    }
  >
> = {
  put: { run: (store, key, ttl) => store.put(key, 'v', { ttl }) },
  atomicPut: { run: (store, key, ttl) => store.atomicPut(key, 'v', null, { ttl }) },
  'a transaction': {
    skip: withoutTransactions,
    run: (store, key, ttl) => store.transaction([put(key, 'v', { ttl })]),
  },
  session: { run: (store, _key, ttl) => store.session({ ttl }) },
  newLock: { run: (store, key, ttl) => store.newLock(key, { ttl }) },
}

export const ttlBoundCases: CaseGroup = group('bounds of the time to live', ({ it, target }) => {
  const { min, max } = target.capabilities.ttl
  const outside: Readonly<Record<string, unknown>> = {
    'one millisecond less than the minimum': min - 1,
    'more than the maximum': max + Math.max(1, max / 1_000),
    NaN: Number.NaN,
    zero: 0,
    'a negative number': -min,
    infinity: Infinity,
    'a string': String(min),
  }
  for (const [name, { run, skip }] of Object.entries(calls)) {
    for (const [what, ttl] of Object.entries(outside)) {
      it(
        `refuses ${what} for ${name}, naming the bounds`,
        async ({ kv, key }) => {
          const error = await refusal(() => run(kv, key(), ttl as number), 'INVALID_OPTION')
          assert.ok(error.message.includes(String(min)), error.message)
          assert.ok(error.message.includes(String(max)), error.message)
          assert.equal(error.backend, kv.backend)
          assert.equal(await kv.exists(key()), false)
        },
        skip?.(target),
      )
    }
  }

  it('leaves the key as it was', async ({ kv, key }) => {
    await kv.put(key(), 'old')
    await refusal(kv.put(key(), 'new', { ttl: min - 1 }), 'INVALID_OPTION')
    assert.equal((await kv.get(key()))?.text(), 'old')
  })

  it('refuses a time to live together with a session in put', async ({ kv, key, ttl }) => {
    const session = await kv.session()
    await refusal(kv.put(key(), 'v', { ttl, session }), 'INVALID_OPTION')
    assert.equal(await kv.exists(key()), false)
  })

  it('refuses a time to live together with a session in atomicPut', async ({ kv, key, ttl }) => {
    const session = await kv.session()
    await refusal(kv.atomicPut(key(), 'v', null, { ttl, session }), 'INVALID_OPTION')
    assert.equal(await kv.exists(key()), false)
  })

  it(
    'refuses a time to live together with a session in a transaction',
    async ({ kv, key, ttl }) => {
      const session = await kv.session()
      await refusal(kv.transaction([put(key(), 'v', { ttl, session })]), 'INVALID_OPTION')
      assert.equal(await kv.exists(key()), false)
    },
    withoutTransactions(target),
  )

  it('refuses a time to live together with a session in newLock', async ({ kv, key, ttl }) => {
    const session = await kv.session()
    await refusal(() => kv.newLock(key(), { ttl, session }), 'INVALID_OPTION')
  })
})
