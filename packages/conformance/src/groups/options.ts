import assert from 'node:assert/strict'
import { getEventListeners } from 'node:events'
import { put } from '@libkv/core'
import { RESERVED_SEGMENT } from '@libkv/core/driver'
import type { LockOptions, SessionOptions, WriteOptions } from '@libkv/core'
import { group, withoutReservedKeys, withoutTransactions } from '../group.ts'
import type { CaseGroup } from '../group.ts'
import { misuse, refusal } from '../refusal.ts'
import { storeCalls } from '../store-calls.ts'
import { within } from '../wait-for.ts'

const notSignals: Readonly<Record<string, unknown>> = {
  'a controller': new AbortController(),
  'an object': {},
  true: true,
  null: null,
}

export const optionCases: CaseGroup = group('options', ({ it, target }) => {
  const transactions = withoutTransactions(target)

  for (const call of storeCalls) {
    const skip = call.skip?.(target)
    it(
      `${call.name} refuses an option that it does not know, naming the nearest one`,
      async ({ kv, key }) => {
        const options: object = { timeuot: 5_000 }
        const error = await refusal(() => call.run(kv, key(), options), 'INVALID_OPTION')
        assert.match(error.message, /unknown option 'timeuot' \(did you mean 'timeout'\?\)/)
        assert.equal(await kv.exists(key()), false)
      },
      skip,
    )

    it(
      `${call.name} takes what is no signal for a TypeError, and goes on`,
      async ({ kv, key }) => {
        for (const signal of Object.values(notSignals)) {
          await misuse(() => call.run(kv, key(), { signal: signal as AbortSignal }))
        }
        assert.equal(await kv.exists(key()), false)
      },
      skip,
    )

    it(
      `${call.name} takes options that are no object for a TypeError`,
      async ({ kv, key }) => {
        await misuse(() => call.run(kv, key(), null as never))
        await misuse(() => call.run(kv, key(), 5_000 as never))
        assert.equal(await kv.exists(key()), false)
      },
      skip,
    )
  }

  it('refuses a misspelt time to live, which would make the key permanent', async ({ kv, key }) => {
    const options = { tll: 5_000 } as WriteOptions
    await refusal(kv.put(key(), 'v', options), 'INVALID_OPTION')
    await refusal(kv.atomicPut(key(), 'v', null, options), 'INVALID_OPTION')
    await refusal(kv.session(options as SessionOptions), 'INVALID_OPTION')
    await refusal(() => kv.newLock(key(), options as LockOptions), 'INVALID_OPTION')
    assert.equal(await kv.exists(key()), false)
  })

  it('refuses an unknown option of a store, naming the nearest one', async ({ open }) => {
    const options: object = { namepsace: 'app' }
    const error = await refusal(() => open(options), 'INVALID_OPTION')
    assert.match(error.message, /'namepsace' \(did you mean 'namespace'\?\)/)
  })

  it('refuses a namespace with a reserved segment', async ({ open, key }) => {
    await refusal(() => open({ namespace: key(RESERVED_SEGMENT) }), 'INVALID_KEY')
    await refusal(() => open({ namespace: key(`${RESERVED_SEGMENT}/below`) }), 'INVALID_KEY')
  })

  it(
    'takes a lock after it was asked for with what is no signal',
    async ({ kv, key, steadyTtl: ttl }) => {
      const locker = kv.newLock(key(), { ttl })
      const signal = new AbortController() as unknown as AbortSignal
      await misuse(locker.lock({ signal }))
      await misuse(locker.tryLock({ signal }))
      await using held = await locker.lock()
      assert.equal(held.isHeld(), true)
    },
    withoutReservedKeys(target),
  )

  it("takes 'shortest' for the shortest time to live", async ({ kv, key }) => {
    const ttl = 'shortest'
    await kv.put(key('put'), 'v', { ttl })
    await kv.atomicPut(key('atomicPut'), 'v', null, { ttl })
    if (transactions === undefined) await kv.transaction([put(key('put'), 'v', { ttl })])
    await using session = await kv.session({ ttl })
    assert.equal(session.ttl, kv.capabilities.ttl.min)
    assert.equal(kv.newLock(key('lock'), { ttl }).key, key('lock'))
  })

  it('uses one signal for any number of calls with one listener', async ({ kv, key }) => {
    const controller = new AbortController()
    const { signal } = controller
    const calls = Array.from({ length: 30 }, () => kv.get(key(), { signal }))
    const watches = Array.from({ length: 20 }, () =>
      kv.watch(key(), { signal })[Symbol.asyncIterator](),
    )
    assert.equal(getEventListeners(signal, 'abort').length, 1)
    await Promise.all([...calls, ...watches.map((watch) => watch.next())])
    const waiting = watches.map((watch) => watch.next().catch((error: unknown) => error))
    assert.equal(getEventListeners(signal, 'abort').length, 1)
    controller.abort('enough')
    const reasons = await within('the end of all watches', Promise.all(waiting))
    assert.ok(reasons.every((reason) => reason === 'enough'))
    assert.equal(getEventListeners(signal, 'abort').length, 0)
  })
})
