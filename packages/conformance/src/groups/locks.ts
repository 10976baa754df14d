import assert from 'node:assert/strict'
import { MAX_VALUE_BYTES } from '@libkv/core'
import type { HeldLock } from '@libkv/core'
import { noise, sameBytes, textOf } from '../bytes.ts'
import { group, withoutDescendants, withoutReservedKeys } from '../group.ts'
import type { CaseGroup } from '../group.ts'
import { misuse, refusal } from '../refusal.ts'
import { within } from '../wait-for.ts'

export const lockCases: CaseGroup = group(
  'locks',
  ({ it, target }) => {
    it('shows its value while it is held and nothing afterwards', async ({ kv, key }) => {
      assert.equal(await kv.get(key()), null)
      const held = await kv.newLock(key(), { value: 'me' }).lock()
      assert.equal(textOf(await kv.get(key())), 'me')
      await held.unlock()
      assert.equal(await kv.get(key()), null)
    })

    it('shows bytes as they were given', async ({ kv, key }) => {
      const value = noise(1_000)
      await kv.newLock(key(), { value }).lock()
      sameBytes((await kv.get(key()))?.value, value)
    })

    it('shows an empty value when none was given', async ({ kv, key }) => {
      await kv.newLock(key()).lock()
      assert.equal(textOf(await kv.get(key())), '')
    })

    it('knows its key and whether it is held', async ({ kv, key }) => {
      const locker = kv.newLock(`/${key()}/`)
      assert.equal(locker.key, key())
      assert.equal(locker.isHeld(), false)
      const held = await locker.lock()
      assert.equal(held.key, key())
      assert.equal(held.isHeld(), true)
      assert.equal(locker.isHeld(), true)
      assert.equal(held.signal.aborted, false)
      await held.unlock()
      assert.equal(held.isHeld(), false)
      assert.equal(locker.isHeld(), false)
    })

    it('does nothing before it is asked to', async ({ kv, key }) => {
      const locker = kv.newLock(key(), { value: 'me' })
      assert.equal(await kv.exists(key()), false)
      await locker.unlock()
      assert.equal(locker.isHeld(), false)
    })

    it('fires its signal when it is given back', async ({ kv, key }) => {
      const held = await kv.newLock(key()).lock()
      const { signal } = held
      const unlocking = held.unlock()
      assert.equal(signal.aborted, true)
      assert.equal(held.isHeld(), false)
      await unlocking
    })

    it('is given back any number of times', async ({ kv, key }) => {
      const locker = kv.newLock(key())
      const held = await locker.lock()
      await Promise.all([held.unlock(), held.unlock(), locker.unlock()])
      await held.unlock()
      await locker.unlock()
      assert.equal(await kv.exists(key()), false)
    })

    it('is given back through its locker', async ({ kv, key }) => {
      const locker = kv.newLock(key())
      const held = await locker.lock()
      await locker.unlock()
      assert.equal(held.isHeld(), false)
      assert.equal(await kv.exists(key()), false)
    })

    it('is given back at the end of its block', async ({ kv, key }) => {
      let seen: HeldLock
      {
        await using held = await kv.newLock(key()).lock()
        seen = held
        assert.equal(await kv.exists(key()), true)
      }
      assert.equal(seen.isHeld(), false)
      assert.equal(await kv.exists(key()), false)
    })

    it('does not take the next holder’s lock away by a late unlock', async ({ kv, key, open }) => {
      const other = await open()
      const mine = await kv.newLock(key(), { value: 'me' }).lock()
      await mine.unlock()
      const theirs = await other.newLock(key(), { value: 'you' }).lock()
      await mine.unlock()
      assert.equal(theirs.isHeld(), true)
      assert.equal(textOf(await kv.get(key())), 'you')
    })

    it('is taken again by the same locker', async ({ kv, key }) => {
      const locker = kv.newLock(key(), { value: 'me' })
      for (let i = 0; i < 3; i++) {
        const held = await locker.lock()
        assert.equal(held.isHeld(), true)
        assert.equal(textOf(await kv.get(key())), 'me')
        await held.unlock()
      }
    })

    it('refuses a locker that holds already', async ({ kv, key }) => {
      const locker = kv.newLock(key())
      const held = await locker.lock()
      await misuse(locker.lock())
      await misuse(locker.tryLock())
      assert.equal(held.isHeld(), true)
    })

    it('refuses a locker that waits already', async ({ kv, key, open }) => {
      const other = await open()
      const held = await other.newLock(key()).lock()
      const locker = kv.newLock(key())
      const waiting = locker.lock()
      await misuse(locker.lock())
      await held.unlock()
      await (await within('the lock', waiting)).unlock()
    })

    it('is not taken twice from one store either', async ({ kv, key }) => {
      const held = await kv.newLock(key()).lock()
      assert.equal(await kv.newLock(key()).tryLock(), null)
      await held.unlock()
      assert.notEqual(await kv.newLock(key()).tryLock(), null)
    })

    it('tries and takes a free lock', async ({ kv, key }) => {
      const held = await kv.newLock(key(), { value: 'me' }).tryLock()
      assert.equal(held?.isHeld(), true)
      assert.equal(textOf(await kv.get(key())), 'me')
      await held.unlock()
      assert.equal(await kv.get(key()), null)
    })

    it('tries in vain while somebody holds', async ({ kv, key, open }) => {
      const other = await open()
      const held = await other.newLock(key(), { value: 'you' }).lock()
      const locker = kv.newLock(key(), { value: 'me' })
      assert.equal(await locker.tryLock(), null)
      assert.equal(locker.isHeld(), false)
      assert.equal(textOf(await kv.get(key())), 'you')
      assert.equal(held.isHeld(), true)
      await held.unlock()
      assert.equal((await locker.tryLock())?.isHeld(), true)
    })

    it('lets at most one of several that try win', async ({ kv, key, open }) => {
      const stores = [kv, await open(), await open()]
      for (let round = 0; round < 5; round++) {
        const tries = await Promise.all(stores.map((store) => store.newLock(key()).tryLock()))
        const winners = tries.filter((held) => held !== null)
        assert.ok(winners.length <= 1, `${String(winners.length)} have won`)
        for (const held of winners) await held.unlock()
      }
      assert.notEqual(await kv.newLock(key()).tryLock(), null)
    })

    it('takes a key over that somebody has put', async ({ kv, key }) => {
      await kv.put(key(), 'plain')
      const held = await within('the lock', kv.newLock(key(), { value: 'me' }).lock())
      assert.equal(textOf(await kv.get(key())), 'me')
      await held.unlock()
      assert.equal(await kv.get(key()), null)
    })

    it('is held independently of the locks around it', async ({ kv, key }) => {
      const names = ['job', 'job-x', 'jo', 'job%2Fa', 'job.lock', 'Job']
      const locks = []
      for (const name of names) {
        locks.push(await within('the lock', kv.newLock(key(name), { value: name }).lock()))
      }
      for (const [i, held] of locks.entries()) {
        assert.equal(held.isHeld(), true)
        assert.equal(textOf(await kv.get(key(names[i]))), names[i])
      }
    })

    it(
      'is held independently of a lock below it',
      async ({ kv, key }) => {
        const above = await within('the lock', kv.newLock(key('a'), { value: 'above' }).lock())
        const below = await within('the lock', kv.newLock(key('a/b'), { value: 'below' }).lock())
        assert.equal(above.isHeld(), true)
        assert.equal(below.isHeld(), true)
        await above.unlock()
        assert.equal(below.isHeld(), true)
        assert.equal(textOf(await kv.get(key('a/b'))), 'below')
        assert.equal(await kv.get(key('a')), null)
      },
      withoutDescendants(target),
    )

    it(
      'is held on a key that has others below',
      async ({ kv, key, names }) => {
        await kv.put(key('a/b'), 'v')
        const held = await within('the lock', kv.newLock(key('a'), { value: 'me' }).lock())
        assert.equal(textOf(await kv.get(key('a'))), 'me')
        await held.unlock()
        assert.deepEqual(await names(), ['a/b'])
      },
      withoutDescendants(target),
    )

    it('shows no keys but its own', async ({ kv, key, dir, open }) => {
      const other = await open()
      const held = await kv.newLock(key('job')).lock()
      const waiting = other.newLock(key('job')).lock()
      assert.deepEqual(await kv.keys(dir), [key('job')])
      assert.deepEqual(await kv.keys(key('job')), [])
      await held.unlock()
      await (await within('the lock', waiting)).unlock()
      assert.deepEqual(await kv.keys(dir), [])
    })

    it('stays with a session that was given, which outlives it', async ({ kv, key }) => {
      const session = await kv.session()
      await kv.put(key('other'), 'v', { session })
      const held = await kv.newLock(key('job'), { session, value: 'me' }).lock()
      assert.equal(textOf(await kv.get(key('job'))), 'me')
      await held.unlock()
      assert.equal(await kv.get(key('job')), null)
      assert.equal(session.isAlive(), true)
      assert.equal(await kv.exists(key('other')), true)
    })

    it('shares a session with other locks', async ({ kv, key }) => {
      const session = await kv.session()
      const a = await kv.newLock(key('a'), { session }).lock()
      const b = await kv.newLock(key('b'), { session }).lock()
      await a.unlock()
      assert.equal(b.isHeld(), true)
      assert.equal(await kv.exists(key('b')), true)
    })

    it('excludes another lock on the same session too', async ({ kv, key }) => {
      const session = await kv.session()
      const held = await kv.newLock(key(), { session }).lock()
      const second = kv.newLock(key(), { session })
      assert.equal(await second.tryLock(), null)
      assert.equal(held.isHeld(), true)
      assert.equal(await kv.exists(key()), true)
      await held.unlock()
      assert.equal((await second.tryLock())?.isHeld(), true)
    })

    it('refuses a session that is over', async ({ kv, key }) => {
      const session = await kv.session()
      await session.close()
      await refusal(() => kv.newLock(key(), { session }).lock(), 'SESSION_EXPIRED')
      assert.equal(await kv.exists(key()), false)
    })

    it('refuses to wait with a session that ended since', async ({ kv, key }) => {
      const session = await kv.session()
      const locker = kv.newLock(key(), { session })
      await session.close()
      await refusal(locker.lock(), 'SESSION_EXPIRED')
      assert.equal(await kv.exists(key()), false)
    })

    it('refuses a value that is too large', async ({ kv, key }) => {
      const value = noise(MAX_VALUE_BYTES + 1)
      await refusal(() => kv.newLock(key(), { value }).lock(), 'VALUE_TOO_LARGE')
    })

    it('is given back when its store is closed', async ({ kv, key, open }) => {
      const other = await open()
      const held = await other.newLock(key()).lock()
      await other.close()
      assert.equal(held.isHeld(), false)
      assert.equal(held.signal.aborted, true)
      assert.equal(await kv.exists(key()), false)
      assert.notEqual(await kv.newLock(key()).tryLock(), null)
    })
  },
  withoutReservedKeys,
)
