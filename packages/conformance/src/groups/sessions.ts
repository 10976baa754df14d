import assert from 'node:assert/strict'
import { isLibkvError, put } from '@libkv/core'
import type { Session } from '@libkv/core'
import { group, withoutTransactions } from '../group.ts'
import type { CaseGroup } from '../group.ts'
import { refusal } from '../refusal.ts'
import { elapse } from '../wait-for.ts'

export const sessionCases: CaseGroup = group(
  'sessions',
  ({ it, target }) => {
    const transactions = withoutTransactions(target)

    it('has the time to live that was asked for, and an id', async ({ kv, ttl }) => {
      const session = await kv.session({ ttl })
      assert.equal(session.ttl, ttl)
      assert.equal(typeof session.id, 'string')
      assert.notEqual(session.id, '')
      assert.equal(session.isAlive(), true)
      assert.equal(session.signal.aborted, false)
    })

    it('has a time to live of 20 seconds when none is named', async ({ kv }) => {
      assert.equal((await kv.session()).ttl, 20_000)
    })

    it('takes the shortest time to live that is allowed', async ({ kv }) => {
      const { min } = target.capabilities.ttl
      assert.equal((await kv.session({ ttl: min })).ttl, min)
    })

    it('has an id of its own', async ({ kv, open }) => {
      const other = await open()
      const sessions = await Promise.all([kv.session(), kv.session(), other.session()])
      assert.equal(new Set(sessions.map(({ id }) => id)).size, 3)
    })

    it('lives on, with its keys, far beyond its time to live', async ({
      kv,
      key,
      steadyTtl: ttl,
      longestLife,
      open,
    }) => {
      const session = await kv.session({ ttl })
      await kv.put(key(), 'v', { session })
      await elapse(longestLife(ttl) + 1_000)
      assert.equal(session.isAlive(), true)
      assert.equal(session.signal.aborted, false)
      const other = await open()
      assert.equal(await other.exists(key()), true)
      await session.close()
      assert.equal(await other.exists(key()), false)
    })

    it('is over from the moment it is closed', async ({ kv }) => {
      const session = await kv.session()
      const { signal } = session
      const closing = session.close()
      assert.equal(session.isAlive(), false)
      assert.equal(signal.aborted, true)
      assert.ok(isLibkvError(signal.reason, 'CLOSED'))
      await closing
    })

    it('closes any number of times', async ({ kv, key }) => {
      const session = await kv.session()
      await kv.put(key(), 'v', { session })
      await Promise.all([session.close(), session.close()])
      await session.close()
      await kv.put(key(), 'v')
      await session.close()
      assert.equal(await kv.exists(key()), true)
    })

    it('is closed at the end of its block', async ({ kv, key }) => {
      let seen: Session
      {
        await using session = await kv.session()
        seen = session
        await kv.put(key(), 'v', { session })
      }
      assert.equal(seen.isAlive(), false)
      assert.equal(await kv.exists(key()), false)
    })

    it('is closed with its store', async ({ key, kv, open }) => {
      const other = await open()
      const session = await other.session()
      await other.put(key(), 'v', { session })
      await other.close()
      assert.equal(session.isAlive(), false)
      assert.equal(session.signal.aborted, true)
      assert.equal(await kv.exists(key()), false)
    })

    it('closes without complaint after its store', async ({ open }) => {
      const other = await open()
      const session = await other.session()
      await other.close()
      await session.close()
      assert.equal(session.isAlive(), false)
    })

    it('takes no key any more when it is closed', async ({ kv, key }) => {
      const session = await kv.session()
      await session.close()
      await refusal(kv.put(key(), 'v', { session }), 'SESSION_EXPIRED')
      await refusal(kv.atomicPut(key(), 'v', null, { session }), 'SESSION_EXPIRED')
      assert.equal(await kv.exists(key()), false)
    })

    it(
      'takes no transaction any more when it is closed',
      async ({ kv, key }) => {
        const session = await kv.session()
        await session.close()
        await refusal(kv.transaction([put(key(), 'v', { session })]), 'SESSION_EXPIRED')
        assert.equal(await kv.exists(key()), false)
      },
      transactions,
    )

    it('is refused by another store', async ({ kv, key, open }) => {
      const session = await kv.session()
      const other = await open()
      await refusal(other.put(key(), 'v', { session }), 'INVALID_OPTION')
      await refusal(other.atomicPut(key(), 'v', null, { session }), 'INVALID_OPTION')
      await refusal(() => other.newLock(key(), { session }), 'INVALID_OPTION')
      assert.equal(await kv.exists(key()), false)
    })

    it('is not what merely looks like one', async ({ kv, key, ttl }) => {
      const real = await kv.session()
      const fake: Session = {
        id: real.id,
        ttl,
        signal: real.signal,
        isAlive: () => true,
        close: () => Promise.resolve(),
        [Symbol.asyncDispose]: () => Promise.resolve(),
      }
      await refusal(kv.put(key(), 'v', { session: fake }), 'INVALID_OPTION')
      await refusal(
        kv.put(key(), 'v', { session: real.id as unknown as Session }),
        'INVALID_OPTION',
      )
    })
  },
  undefined,
  { together: true },
)
