import assert from 'node:assert/strict'
import { isLibkvError } from '@libkv/core'
import type { HeldLock } from '@libkv/core'
import { textOf } from '../bytes.ts'
import { group, withoutReservedKeys } from '../group.ts'
import type { CaseGroup } from '../group.ts'
import { atMost, elapse, waitFor, within } from '../wait-for.ts'

/** Waits until the holder knows that the lock is lost. */
async function isLost(held: HeldLock): Promise<void> {
  await waitFor('the lock is lost', () => held.signal.aborted)
  assert.equal(held.isHeld(), false)
  const reason: unknown = held.signal.reason
  assert.ok(isLibkvError(reason, 'LOCK_LOST'), String(reason))
  assert.equal(reason.key, held.key)
}

export const lockLossCases: CaseGroup = group(
  'loss of a lock',
  ({ it }) => {
    it('does not come with time: a lock is held longer than its time to live', async (h) => {
      const { kv, key, steadyTtl: ttl, longestLife, open } = h
      const held = await kv.newLock(key(), { ttl }).lock()
      await elapse(longestLife(ttl) + 1_000)
      assert.equal(held.isHeld(), true)
      const other = await open()
      assert.equal(await other.newLock(key()).tryLock(), null)
    })

    it('is known when the key is deleted', async ({ kv, key, open }) => {
      const operator = await open()
      const held = await kv.newLock(key()).lock()
      await operator.delete(key())
      await isLost(held)
    })

    it('is known when the tree around the key is deleted', async ({ kv, key, dir, open }) => {
      const operator = await open()
      const held = await kv.newLock(key()).lock()
      assert.equal(await operator.deleteTree(dir), 1)
      await isLost(held)
    })

    it('lets the next in line have the lock whose key was deleted', async ({ kv, key, open }) => {
      const other = await open()
      const held = await kv.newLock(key(), { value: 'me' }).lock()
      const waiting = other.newLock(key(), { value: 'you' }).lock()
      await kv.delete(key())
      const next = await within('the lock', waiting)
      await isLost(held)
      assert.ok(next.token > held.token)
      assert.equal(textOf(await kv.get(key())), 'you')
    })

    it('lets anybody have the lock whose key was deleted', async ({ kv, key, open }) => {
      const other = await open()
      const held = await kv.newLock(key()).lock()
      await kv.delete(key())
      await isLost(held)
      const next = await within('the lock', other.newLock(key()).lock())
      assert.equal(next.isHeld(), true)
    })

    it('lets the same locker have the lock again', async ({ kv, key }) => {
      const locker = kv.newLock(key())
      const first = await locker.lock()
      await kv.delete(key())
      await isLost(first)
      assert.equal(locker.isHeld(), false)
      const second = await within('the lock', locker.lock())
      assert.equal(locker.isHeld(), true)
      assert.ok(second.token > first.token)
    })

    it('makes unlock harmless', async ({ kv, key, open }) => {
      const other = await open()
      const held = await kv.newLock(key()).lock()
      await kv.delete(key())
      await isLost(held)
      const next = await within('the lock', other.newLock(key(), { value: 'you' }).lock())
      await held.unlock()
      assert.equal(next.isHeld(), true)
      assert.equal(textOf(await kv.get(key())), 'you')
    })

    it('comes with the end of a session that was given', async ({ kv, key }) => {
      const session = await kv.session()
      const held = await kv.newLock(key(), { session }).lock()
      await session.close()
      await isLost(held)
      assert.equal(await kv.get(key()), null)
    })

    it('comes with the end of that session for a waiter too', async ({ kv, key, open }) => {
      const other = await open()
      const held = await kv.newLock(key()).lock()
      const session = await other.session()
      const waiting = other.newLock(key(), { session }).lock()
      waiting.catch(() => undefined)
      await other.get(key())
      await session.close()
      const outcome = await within(
        'the answer',
        waiting.then(
          () => 'locked',
          (error: unknown) => error,
        ),
      )
      assert.ok(isLibkvError(outcome, 'SESSION_EXPIRED'), String(outcome))
      await held.unlock()
      assert.equal((await within('the lock', kv.newLock(key()).lock())).isHeld(), true)
    })

    it('does not come with a write of somebody else to the key', async ({ kv, key, open }) => {
      const other = await open()
      const held = await kv.newLock(key(), { value: 'me' }).lock()
      await other.put(key(), 'stranger')
      assert.equal(await other.newLock(key()).tryLock(), null)
      assert.equal(held.isHeld(), true)
    })

    it('leaves what somebody else wrote to the key', async ({ kv, key, open }) => {
      const other = await open()
      const held = await kv.newLock(key(), { value: 'me' }).lock()
      await other.put(key(), 'stranger')
      await held.unlock()
      assert.equal(textOf(await kv.get(key())), 'stranger')
    })

    it('leaves what somebody else wrote, also with a session given', async ({ kv, key, open }) => {
      const other = await open()
      const session = await kv.session()
      const held = await kv.newLock(key(), { value: 'me', session }).lock()
      await other.put(key(), 'stranger')
      await held.unlock()
      assert.equal(textOf(await kv.get(key())), 'stranger')
      assert.notEqual(await other.newLock(key()).tryLock(), null)
    })

    it('lets another take over from a frozen process, in time', async (h) => {
      const { kv, key, ttl, takeover, openFreezable } = h
      const { store, runtime } = await openFreezable()
      const frozen = await store.newLock(key(), { ttl, value: 'frozen' }).lock()
      const waiting = kv.newLock(key(), { value: 'next' }).lock()
      runtime.freeze()
      const next = await atMost(takeover(ttl) + 1_000, 'the take-over', () => waiting)
      assert.equal(frozen.isHeld(), false, 'two believe to hold the lock')
      assert.ok(next.token > frozen.token)
      assert.equal(textOf(await kv.get(key())), 'next')
    })

    it('does not let a frozen waiter hold up the line', async (h) => {
      const { kv, key, ttl, takeover, openFreezable } = h
      const { store, runtime } = await openFreezable()
      const held = await kv.newLock(key()).lock()
      const stuck = store.newLock(key(), { ttl }).lock()
      stuck.catch(() => undefined)
      await store.get(key())
      const last = kv.newLock(key()).lock()
      runtime.freeze()
      await kv.get(key())
      await held.unlock()
      // The frozen one may get the lock, and loses it with its session.
      const next = await atMost(takeover(ttl) * 2 + 1_000, 'the lock', () => last)
      assert.equal(next.isHeld(), true)
    })

    it('is known at once after the event loop was blocked', async (h) => {
      const { store, runtime } = await h.openFreezable()
      const held = await store.newLock(h.key(), { ttl: h.steadyTtl }).lock()
      assert.equal(held.isHeld(), true)
      runtime.leap(h.steadyTtl * 3)
      assert.equal(held.isHeld(), false)
      assert.equal(held.signal.aborted, true)
      assert.ok(isLibkvError(held.signal.reason, 'LOCK_LOST'))
    })

    it('is known from a signal that was taken before', async (h) => {
      const { store, runtime } = await h.openFreezable()
      const held = await store.newLock(h.key(), { ttl: h.steadyTtl }).lock()
      const { signal } = held
      runtime.leap(h.steadyTtl * 3)
      await atMost(h.steadyTtl, 'the signal', () =>
        waitFor('the signal fires', () => signal.aborted),
      )
      assert.ok(isLibkvError(signal.reason, 'LOCK_LOST'))
    })

    it('is not brought about by the wall clock', async (h) => {
      const { store, runtime } = await h.openFreezable()
      const held = await store.newLock(h.key(), { ttl: h.steadyTtl }).lock()
      runtime.setWallClock(24 * 3_600_000)
      assert.equal(held.isHeld(), true)
      assert.equal(await h.kv.newLock(h.key()).tryLock(), null)
    })
  },
  withoutReservedKeys,
  { together: true },
)
