import assert from 'node:assert/strict'
import type { CallOptions, Store } from '@libkv/core'
import { group } from '../group.ts'
import type { CaseGroup } from '../group.ts'
import { rejection } from '../refusal.ts'
import { States } from '../states.ts'
import { atMost, elapse } from '../wait-for.ts'

type Watching = (store: Store, key: string, options?: CallOptions) => AsyncIterable<unknown>

const kinds: Readonly<Record<string, Watching>> = {
  watch: (store, key, options) => store.watch(key, options),
  watchTree: (store, key, options) => store.watchTree(key, options),
}

export const watchEndCases: CaseGroup = group('the end of a watch', ({ it }) => {
  for (const [name, watch] of Object.entries(kinds)) {
    it(`${name} ends with a break`, async ({ kv, key }) => {
      let count = 0
      for await (const state of watch(kv, key())) {
        assert.notEqual(state, undefined)
        count++
        break
      }
      assert.equal(count, 1)
      assert.equal(await kv.exists(key()), false)
    })

    it(`${name} ends with an error that its loop throws`, async ({ kv, key }) => {
      const error = new Error('from the loop')
      const loop = async (): Promise<void> => {
        for await (const state of watch(kv, key())) if (state !== undefined) throw error
      }
      assert.equal(await rejection(loop), error)
    })

    it(`${name} yields nothing more after its end`, async ({ kv, key }) => {
      const states = new States(watch(kv, key()))
      await states.next()
      await states.stop()
      await kv.put(key(), 'v')
      await kv.put(key('key/child'), 'v')
      await states.end()
      await states.end()
    })

    it(`${name} ends for who waits for the next state`, async ({ kv, key }) => {
      const states = new States(watch(kv, key()))
      await states.next()
      const asked = states.ask()
      await states.stop()
      assert.equal((await asked).done, true)
    })

    it(`${name} ends before its first state`, async ({ kv, key }) => {
      const states = new States(watch(kv, key()))
      await states.stop()
      await states.end()
    })

    it(`${name} throws the signal's own reason at once`, async ({ kv, key }) => {
      const controller = new AbortController()
      const reason = new Error('enough')
      await using states = new States(watch(kv, key(), { signal: controller.signal }))
      await states.next()
      const failing = states.failure()
      await atMost(500, 'the abort', async () => {
        controller.abort(reason)
        assert.equal(await failing, reason)
      })
    })

    it(`${name} throws a reason that is no error`, async ({ kv, key }) => {
      const controller = new AbortController()
      await using states = new States(watch(kv, key(), { signal: controller.signal }))
      await states.next()
      controller.abort('enough')
      assert.equal(await states.failure(), 'enough')
    })

    it(`${name} throws the reason of a signal that fired before`, async ({ kv, key }) => {
      const reason = new Error('too early')
      await using states = new States(watch(kv, key(), { signal: AbortSignal.abort(reason) }))
      assert.equal(await states.failure(), reason)
    })

    it(`${name} is over once it has thrown`, async ({ kv, key }) => {
      const controller = new AbortController()
      await using states = new States(watch(kv, key(), { signal: controller.signal }))
      await states.next()
      controller.abort(new Error('enough'))
      await states.failure()
      await states.end()
    })

    it(`${name} ends one watch by its signal and no other`, async ({ kv, key }) => {
      const controller = new AbortController()
      await using ended = new States(watch(kv, key(), { signal: controller.signal }))
      await using other = new States(watch(kv, key()))
      await ended.next()
      await other.next()
      controller.abort(new Error('enough'))
      await ended.failure()
      await kv.put(key(), 'v')
      await kv.put(key('key/child'), 'v')
      assert.notEqual(await other.next(), null)
    })

    it(`${name} ends without an error when its store is closed`, async ({ open, key }) => {
      const store = await open()
      const states = new States(watch(store, key()))
      await states.next()
      const asked = states.ask()
      await store.close()
      assert.equal((await asked).done, true)
      await states.end()
    })

    it(`${name} leaves its loop when its store is closed`, async ({ open, key }) => {
      const store = await open()
      const loop = (async () => {
        let count = 0
        for await (const state of watch(store, key())) {
          assert.notEqual(state, undefined)
          count++
          void store.close()
        }
        return count
      })()
      assert.equal(await loop, 1)
    })

    it(`${name} goes on when another store is closed`, async ({ kv, key, open }) => {
      const other = await open()
      await using ended = new States(watch(other, key()))
      await using states = new States(watch(kv, key()))
      await ended.next()
      await states.next()
      await other.close()
      await kv.put(key(), 'v')
      await kv.put(key('key/child'), 'v')
      assert.notEqual(await states.next(), null)
    })

    it(`${name} limits by its timeout the wait for the first state only`, async ({ kv, key }) => {
      const timeout = 1_000
      await using states = new States(watch(kv, key(), { timeout }))
      await states.next()
      await elapse(timeout * 1.2)
      await kv.put(key(), 'v')
      await kv.put(key('key/child'), 'v')
      assert.notEqual(await states.next(), null)
    })
  }
})
