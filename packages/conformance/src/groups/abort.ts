import assert from 'node:assert/strict'
import { group } from '../group.ts'
import type { CaseGroup } from '../group.ts'
import { rejection } from '../refusal.ts'
import { storeCalls } from '../store-calls.ts'
import { atMost } from '../wait-for.ts'

export const abortCases: CaseGroup = group('abort', ({ it, target }) => {
  for (const call of storeCalls) {
    const skip = call.skip?.(target)
    it(
      `${call.name} rejects with the reason of a signal that fired before`,
      async ({ kv, key }) => {
        const reason = new Error('too early')
        const signal = AbortSignal.abort(reason)
        assert.equal(await rejection(() => call.run(kv, key(), { signal })), reason)
        assert.equal(await kv.exists(key()), false)
      },
      skip,
    )

    it(
      `${call.name} rejects within milliseconds with the reason of a signal that fires`,
      async ({ kv, key }) => {
        const controller = new AbortController()
        const reason = new Error('enough')
        const failing = rejection(call.run(kv, key(), { signal: controller.signal }))
        await atMost(500, 'the abort', async () => {
          controller.abort(reason)
          assert.equal(await failing, reason)
        })
      },
      skip,
    )

    it(
      `${call.name} rejects with a reason that is no error`,
      async ({ kv, key }) => {
        const controller = new AbortController()
        const failing = rejection(call.run(kv, key(), { signal: controller.signal }))
        controller.abort('enough')
        assert.equal(await failing, 'enough')
        const signal = AbortSignal.abort(7)
        assert.equal(await rejection(() => call.run(kv, key(), { signal })), 7)
      },
      skip,
    )
  }

  it('rejects with what abort() gives by itself', async ({ kv, key }) => {
    const controller = new AbortController()
    const failing = rejection(kv.get(key(), { signal: controller.signal }))
    controller.abort()
    const error = (await failing) as Error
    assert.equal(error, controller.signal.reason)
    assert.equal(error.name, 'AbortError')
  })

  it('leaves the store usable', async ({ kv, key }) => {
    for (let i = 0; i < 50; i++) {
      const controller = new AbortController()
      const failing = rejection(kv.put(key(String(i)), 'v', { signal: controller.signal }))
      controller.abort('enough')
      await failing
    }
    await kv.put(key('after'), 'v')
    assert.equal((await kv.get(key('after')))?.text(), 'v')
  })

  it('of one call ends no other', async ({ kv, key }) => {
    await kv.put(key(), 'v')
    const controller = new AbortController()
    const failing = rejection(kv.get(key(), { signal: controller.signal }))
    const other = kv.get(key())
    controller.abort('enough')
    await failing
    assert.equal((await other)?.text(), 'v')
  })

  it('ends all calls that share the signal', async ({ kv, key, dir }) => {
    const controller = new AbortController()
    const { signal } = controller
    const calls = [
      rejection(kv.get(key(), { signal })),
      rejection(kv.list(dir, { signal })),
      rejection(kv.put(key(), 'v', { signal })),
    ]
    controller.abort('enough')
    assert.deepEqual(await Promise.all(calls), ['enough', 'enough', 'enough'])
  })

  it('after the answer changes nothing', async ({ kv, key }) => {
    const controller = new AbortController()
    const { signal } = controller
    const pair = await kv.put(key(), 'v', { signal })
    const session = await kv.session({ signal })
    controller.abort('too late')
    assert.equal(pair.text(), 'v')
    assert.equal(session.isAlive(), true)
    assert.equal((await kv.get(key()))?.text(), 'v')
  })

  it('keeps no listener on a signal that lives on', async ({ kv, key, dir }) => {
    const { signal } = new AbortController()
    let listeners = 0
    const counted = new Proxy(signal, {
      get(of, property) {
        const value: unknown = Reflect.get(of, property, of)
        if (property === 'addEventListener') {
          return (...args: Parameters<AbortSignal['addEventListener']>) => {
            listeners++
            of.addEventListener(...args)
          }
        }
        if (property === 'removeEventListener') {
          return (...args: Parameters<AbortSignal['removeEventListener']>) => {
            listeners--
            of.removeEventListener(...args)
          }
        }
        return typeof value === 'function' ? (value.bind(of) as unknown) : value
      },
    })
    const options = { signal: counted }
    await kv.put(key(), 'v', options)
    await kv.get(key(), options)
    await kv.list(dir, options)
    await kv.ready(options)
    for await (const state of kv.watch(key(), options)) if (state !== null) break
    assert.equal(listeners, 0)
  })
})
