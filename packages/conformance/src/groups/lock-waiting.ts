import assert from 'node:assert/strict'
import type { HeldLock, Store } from '@libkv/core'
import { textOf } from '../bytes.ts'
import { group, withoutReservedKeys } from '../group.ts'
import type { CaseGroup } from '../group.ts'
import { Line } from '../lock-line.ts'
import { refusal, rejection } from '../refusal.ts'
import { atMost, elapse, isPending, now, waitFor, within } from '../wait-for.ts'

export const lockWaitingCases: CaseGroup = group(
  'waiting for a lock',
  ({ it }) => {
    it('waits while somebody holds, and takes over', async ({ kv, key, open }) => {
      const other = await open()
      const held = await other.newLock(key(), { value: 'you' }).lock()
      const waiting = kv.newLock(key(), { value: 'me' }).lock()
      assert.equal(await isPending(waiting, () => kv.get(key())), true)
      assert.equal(textOf(await kv.get(key())), 'you')
      await held.unlock()
      const mine = await within('the lock', waiting)
      assert.equal(mine.isHeld(), true)
      assert.equal(textOf(await kv.get(key())), 'me')
    })

    it('serves first who came first', async (harness) => {
      const line = await Line.of(harness, 3)
      const first = await line.store(0).newLock('job').lock()
      const order: number[] = []
      const turns: Promise<void>[] = []
      for (let i = 1; i <= 5; i++) {
        const turn = async (): Promise<void> => {
          await using held = await line.store(i).newLock('job').lock()
          assert.equal(held.isHeld(), true)
          order.push(i)
        }
        const taking = turn()
        // What it rejects with is seen at the end, if this case gets there.
        taking.catch(() => undefined)
        turns.push(taking)
        await line.hasLength(i + 1)
      }
      await first.unlock()
      await within('all turns', Promise.all(turns))
      assert.deepEqual(order, [1, 2, 3, 4, 5])
      await line.isEmpty()
    })

    it('wakes one at a time', async (harness) => {
      const line = await Line.of(harness)
      let held: HeldLock | undefined = await line.store(0).newLock('job').lock()
      const taken: HeldLock[] = []
      for (let i = 0; i < 3; i++) {
        void line
          .store(i)
          .newLock('job')
          .lock()
          .then((lock) => taken.push(lock))
        await line.hasLength(i + 2)
      }
      for (let i = 1; i <= 3; i++) {
        await held?.unlock()
        await waitFor('the next one has it', () => taken.length === i)
        await harness.kv.get(harness.key())
        assert.equal(taken.length, i)
        held = taken[i - 1]
      }
      await held?.unlock()
      await line.isEmpty()
    })

    it('lets one in at a time, however many come', async ({ kv, key, open }) => {
      const stores = [kv, await open(), await open()]
      let inside = 0
      let turns = 0
      const work = async (store: Store): Promise<void> => {
        for (let i = 0; i < 5; i++) {
          const held = await store.newLock(key()).lock()
          assert.equal(++inside, 1, 'two were inside at once')
          await store.get(key('other'))
          assert.equal(held.isHeld(), true)
          turns++
          inside--
          await held.unlock()
        }
      }
      await within('all turns', Promise.all([...stores, kv].map(work)))
      assert.equal(turns, 20)
    })

    it('hands over when the holder’s store is closed', async ({ kv, key, open }) => {
      const other = await open()
      await other.newLock(key()).lock()
      const waiting = kv.newLock(key()).lock()
      await other.close()
      assert.equal((await within('the lock', waiting)).isHeld(), true)
    })

    it('does not let a tryLock overtake who waits', async (harness) => {
      const line = await Line.of(harness)
      const held = await line.store(0).newLock('job').lock()
      const waiting = line.store(1).newLock('job').lock()
      await line.hasLength(2)
      const unlocking = held.unlock()
      const tried = await line.store(0).newLock('job').tryLock()
      await unlocking
      const next = await within('the lock', waiting)
      assert.equal(tried, null)
      await next.unlock()
      await line.isEmpty()
    })

    it('passes over who has given up in the middle of the line', async (harness) => {
      const line = await Line.of(harness, 3)
      const first = await line.store(0).newLock('job').lock()
      const controller = new AbortController()
      const quitter = line.store(1).newLock('job').lock({ signal: controller.signal })
      await line.hasLength(2)
      const last = line.store(2).newLock('job').lock()
      await line.hasLength(3)
      controller.abort(new Error('enough'))
      await rejection(quitter)
      await line.hasLength(2)
      assert.equal(await isPending(last, () => harness.kv.get(harness.key())), true)
      assert.equal(first.isHeld(), true)
      await first.unlock()
      await (await within('the lock', last)).unlock()
      await line.isEmpty()
    })

    it('gives up with TIMEOUT when its time is over', async ({ kv, key, open }) => {
      const other = await open()
      const held = await other.newLock(key()).lock()
      const started = now()
      const error = await atMost(1_500, 'the timeout', () =>
        refusal(kv.newLock(key()).lock({ timeout: 200 }), 'TIMEOUT'),
      )
      assert.ok(now() - started >= 195, 'it gave up too early')
      assert.equal(error.key, key())
      assert.equal(error.backend, kv.backend)
      assert.equal(held.isHeld(), true)
    })

    it('leaves nothing behind when its time is over', async (harness) => {
      const line = await Line.of(harness)
      const held = await line.store(0).newLock('job').lock()
      const locker = line.store(1).newLock('job')
      await refusal(locker.lock({ timeout: 100 }), 'TIMEOUT')
      assert.equal(locker.isHeld(), false)
      await line.hasLength(1)
      await held.unlock()
      await line.isEmpty()
      await (await within('the lock', locker.lock())).unlock()
    })

    it('does not end by its timeout what it has got in time', async ({
      kv,
      key,
      steadyTtl: ttl,
    }) => {
      const timeout = 1_000
      const held = await kv.newLock(key(), { ttl }).lock({ timeout })
      await elapse(timeout * 1.2)
      assert.equal(held.isHeld(), true)
      assert.equal(held.signal.aborted, false)
    })

    it('gives up with the signal’s own reason at once', async ({ kv, key, open }) => {
      const other = await open()
      await other.newLock(key()).lock()
      const controller = new AbortController()
      const reason = new Error('enough')
      const waiting = kv.newLock(key()).lock({ signal: controller.signal })
      assert.equal(await isPending(waiting, () => kv.get(key())), true)
      await atMost(500, 'the abort', async () => {
        controller.abort(reason)
        assert.equal(await rejection(waiting), reason)
      })
    })

    it('gives up with a reason that is no error', async ({ kv, key }) => {
      await kv.newLock(key()).lock()
      const controller = new AbortController()
      const waiting = kv.newLock(key()).lock({ signal: controller.signal })
      controller.abort('enough')
      assert.equal(await rejection(waiting), 'enough')
    })

    it('leaves nothing behind when it gives up', async (harness) => {
      const line = await Line.of(harness)
      const held = await line.store(0).newLock('job').lock()
      const controller = new AbortController()
      const waiting = line.store(1).newLock('job').lock({ signal: controller.signal })
      await line.hasLength(2)
      controller.abort(new Error('enough'))
      await rejection(waiting)
      await line.hasLength(1)
      await held.unlock()
      await line.isEmpty()
    })

    it('leaves nothing behind whenever it gives up', async (harness) => {
      const line = await Line.of(harness)
      for (let turns = 0; turns < 12; turns++) {
        const controller = new AbortController()
        const locking = line.store(1).newLock('job').lock({ signal: controller.signal })
        const settled = locking.catch(() => undefined)
        for (let i = 0; i < turns; i++) await Promise.resolve()
        controller.abort(new Error('enough'))
        // It may have got the lock just before.
        await (await within('the lock', settled))?.unlock()
        await line.isEmpty()
      }
    })

    it('leaves nothing behind when it had given up before', async (harness) => {
      const line = await Line.of(harness)
      const reason = new Error('too early')
      const locking = line
        .store(0)
        .newLock('job')
        .lock({ signal: AbortSignal.abort(reason) })
      assert.equal(await rejection(locking), reason)
      await line.isEmpty()
    })

    it('leaves a session that was given alone when it gives up', async (harness) => {
      const line = await Line.of(harness)
      const held = await line.store(0).newLock('job').lock()
      const session = await line.store(1).session()
      const locker = line.store(1).newLock('job', { session })
      await refusal(locker.lock({ timeout: 100 }), 'TIMEOUT')
      assert.equal(session.isAlive(), true)
      await line.hasLength(1)
      await held.unlock()
      await line.isEmpty()
    })

    it('keeps no signal of a lock that it has got', async ({ kv, key }) => {
      const controller = new AbortController()
      const held = await kv.newLock(key()).lock({ signal: controller.signal })
      controller.abort(new Error('too late'))
      assert.equal(held.isHeld(), true)
      assert.equal(held.signal.aborted, false)
      assert.equal(await kv.exists(key()), true)
    })

    it('leaves nothing behind when it is given back', async (harness) => {
      const line = await Line.of(harness)
      for (let i = 0; i < 3; i++) {
        const held = await line.store(i).newLock('job').lock()
        await held.unlock()
        await line.isEmpty()
      }
    })

    it('leaves nothing behind when it tried in vain', async (harness) => {
      const line = await Line.of(harness)
      const held = await line.store(0).newLock('job').lock()
      for (let i = 0; i < 5; i++) {
        assert.equal(await line.store(1).newLock('job').tryLock(), null)
      }
      await line.hasLength(1)
      await held.unlock()
      await line.isEmpty()
    })

    it('rejects with CLOSED when its own store is closed', async ({ kv, key, open }) => {
      const other = await open()
      await kv.newLock(key()).lock()
      const waiting = other.newLock(key()).lock()
      assert.equal(await isPending(waiting, () => kv.get(key())), true)
      const refused = refusal(waiting, 'CLOSED')
      await other.close()
      await refused
    })

    it('is not held up by who was closed while waiting', async (harness) => {
      const { kv, key, open } = harness
      const other = await open()
      const held = await kv.newLock(key()).lock()
      const waiting = other.newLock(key()).lock()
      assert.equal(await isPending(waiting, () => kv.get(key())), true)
      const refused = rejection(waiting)
      await other.close()
      await refused
      await held.unlock()
      assert.equal((await within('the lock', kv.newLock(key()).lock())).isHeld(), true)
    })
  },
  withoutReservedKeys,
)
