import assert from 'node:assert/strict'
import { isLibkvError } from '@libkv/core'
import { group } from '../group.ts'
import type { CaseGroup } from '../group.ts'
import { refusal } from '../refusal.ts'
import { atMost, elapse, now, waitFor, waits } from '../wait-for.ts'

export const sessionLossCases: CaseGroup = group(
  'loss of a session',
  ({ it }) => {
    it('frees the keys of a process that is frozen, in time', async (h) => {
      const { kv, key, ttl, takeover, timeOfDeath, openFreezable } = h
      const { store, runtime } = await openFreezable()
      const session = await store.session({ ttl })
      await store.put(key('a'), 'v', { session })
      await store.put(key('b'), 'v', { session })
      runtime.freeze()
      const latest = now() + takeover(ttl)
      await Promise.all([timeOfDeath(key('a'), latest), timeOfDeath(key('b'), latest)])
      assert.equal(session.isAlive(), false)
      assert.equal(await kv.exists(key('a')), false)
    })

    it('is not believed in when another could have its keys', async (h) => {
      const { kv, key, ttl, takeover, openFreezable } = h
      const { store, runtime } = await openFreezable()
      const session = await store.session({ ttl })
      await store.put(key(), 'v', { session })
      runtime.freeze()
      // No timer of the session fires any more: only its getters can tell.
      const isFree = async (): Promise<boolean> => {
        const wasAlive = session.isAlive()
        const isThere = await kv.exists(key())
        assert.ok(isThere || !session.isAlive(), 'it is believed in after its key is gone')
        assert.ok(wasAlive || !session.isAlive(), 'it has come back to life')
        return !isThere
      }
      const bound = takeover(ttl) + 100
      await atMost(bound, 'the end of the session', () =>
        waitFor('the key is free', isFree, bound + waits.timeout),
      )
    })

    it('is known at once after the event loop was blocked for longer', async (h) => {
      const { store, runtime } = await h.openFreezable()
      const session = await store.session({ ttl: h.ttl })
      assert.equal(session.isAlive(), true)
      runtime.leap(h.ttl * 3)
      assert.equal(session.isAlive(), false)
      assert.equal(session.signal.aborted, true)
      assert.ok(isLibkvError(session.signal.reason, 'SESSION_EXPIRED'))
    })

    it('is known from the signal alone', async (h) => {
      const { store, runtime } = await h.openFreezable()
      const { signal } = await store.session({ ttl: h.ttl })
      let fired = false
      signal.addEventListener('abort', () => {
        fired = true
      })
      runtime.leap(h.ttl * 3)
      await atMost(h.ttl * 2, 'the signal', () => waitFor('the signal fires', () => fired))
      assert.ok(isLibkvError(signal.reason, 'SESSION_EXPIRED'))
    })

    it('is not brought about by the wall clock', async (h) => {
      const { store, runtime } = await h.openFreezable()
      const session = await store.session({ ttl: h.steadyTtl })
      await store.put(h.key(), 'v', { session })
      for (const by of [48 * 3_600_000, -96 * 3_600_000]) {
        runtime.setWallClock(by)
        assert.equal(session.isAlive(), true)
        await elapse(h.steadyTtl * 0.5)
        assert.equal(session.isAlive(), true)
        assert.equal(await h.kv.exists(h.key()), true)
      }
    })

    it('is final', async (h) => {
      const { store, runtime } = await h.openFreezable()
      const session = await store.session({ ttl: h.ttl })
      runtime.leap(h.ttl * 3)
      assert.equal(session.isAlive(), false)
      runtime.leap(h.ttl * -3)
      assert.equal(session.isAlive(), false)
      assert.equal(session.signal.aborted, true)
    })

    it('refuses to bind keys to it', async (h) => {
      const { store, runtime } = await h.openFreezable()
      const session = await store.session({ ttl: h.ttl })
      runtime.leap(h.ttl * 3)
      await refusal(store.put(h.key(), 'v', { session }), 'SESSION_EXPIRED')
      assert.equal(await h.kv.exists(h.key()), false)
    })

    it('closes without complaint', async (h) => {
      const { store, runtime } = await h.openFreezable()
      const session = await store.session({ ttl: h.ttl })
      runtime.leap(h.ttl * 3)
      assert.equal(session.isAlive(), false)
      await session.close()
    })

    it('takes no other session along', async (h) => {
      const { store, runtime } = await h.openFreezable()
      const short = await store.session({ ttl: h.ttl })
      const long = await store.session({ ttl: h.ttl * 100 })
      await store.put(h.key(), 'v', { session: long })
      runtime.leap(h.ttl * 3)
      assert.equal(short.isAlive(), false)
      assert.equal(long.isAlive(), true)
      assert.equal(await h.kv.exists(h.key()), true)
    })
  },
  undefined,
  { together: true },
)
