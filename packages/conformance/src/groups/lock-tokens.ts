import assert from 'node:assert/strict'
import { check, put } from '@libkv/core'
import type { Store } from '@libkv/core'
import { textOf } from '../bytes.ts'
import { group, withoutReservedKeys, withoutTransactions } from '../group.ts'
import type { CaseGroup } from '../group.ts'
import { refusal } from '../refusal.ts'
import { within } from '../wait-for.ts'

async function tokenOf(store: Store, key: string): Promise<bigint> {
  await using held = await within('the lock', store.newLock(key).lock())
  return held.token
}

function assertGrowing(tokens: readonly bigint[]): void {
  for (const [i, token] of tokens.entries()) {
    assert.equal(typeof token, 'bigint')
    assert.ok(i === 0 || token > (tokens[i - 1] ?? token), `tokens ${tokens.join(', ')}`)
  }
}

export const lockTokenCases: CaseGroup = group(
  'fencing tokens',
  ({ it, target }) => {
    it('grow over the holders of one locker', async ({ kv, key }) => {
      const locker = kv.newLock(key())
      const tokens: bigint[] = []
      for (let i = 0; i < 5; i++) {
        await using held = await locker.lock()
        tokens.push(held.token)
      }
      assertGrowing(tokens)
    })

    it('grow over lockers and stores', async ({ kv, key, open }) => {
      const other = await open()
      const tokens: bigint[] = []
      for (const store of [kv, other, kv, other]) tokens.push(await tokenOf(store, key()))
      assertGrowing(tokens)
    })

    it('grow over tryLock and lock', async ({ kv, key }) => {
      const first = await tokenOf(kv, key())
      const tried = await kv.newLock(key()).tryLock()
      await tried?.unlock()
      assertGrowing([first, tried?.token ?? 0n, await tokenOf(kv, key())])
    })

    it('grow over the deletion of all there is', async ({ kv, key, dir }) => {
      const tokens = [await tokenOf(kv, key())]
      await kv.deleteTree(dir)
      tokens.push(await tokenOf(kv, key()))
      await kv.put(key(), 'plain')
      await kv.delete(key())
      tokens.push(await tokenOf(kv, key()))
      assertGrowing(tokens)
    })

    it('grow over the stores that were open at no time together', async ({ key, open }) => {
      const tokens: bigint[] = []
      for (let i = 0; i < 3; i++) {
        await using store = await open()
        tokens.push(await tokenOf(store, key()))
      }
      assertGrowing(tokens)
    })

    it('grow in the order in which waiters get the lock', async ({ kv, key, open }) => {
      const stores = [kv, await open(), await open()]
      const tokens: bigint[] = []
      const take = async (store: Store): Promise<void> => {
        for (let i = 0; i < 4; i++) {
          await using held = await store.newLock(key()).lock()
          tokens.push(held.token)
        }
      }
      await within('all turns', Promise.all(stores.map(take)))
      assert.equal(tokens.length, 12)
      assertGrowing(tokens)
    })

    it('are what everyone can read: when the key was made', async ({ kv, key, open }) => {
      const other = await open()
      const held = await kv.newLock(key(), { value: 'me' }).lock()
      const pair = await other.get(key())
      assert.equal(pair?.createRevision, held.token)
      assert.equal(pair.revision, held.pair.revision)
      assert.equal(held.pair.createRevision, held.token)
      assert.equal(held.pair.text(), 'me')
      assert.equal(held.pair.key, key())
    })

    it('are as visible when the key was there before', async ({ kv, key }) => {
      const before = await kv.put(key(), 'plain')
      const held = await within('the lock', kv.newLock(key()).lock())
      assert.ok(held.token > before.revision)
      assert.equal((await kv.get(key()))?.createRevision, held.token)
    })

    it(
      'make a condition of what is written elsewhere',
      async ({ kv, key, open }) => {
        const other = await open()
        const held = await kv.newLock(key()).lock()
        await kv.transaction([check(key(), held.pair), put(key('result'), 'mine')])
        const waiting = other.newLock(key()).lock()
        await held.unlock()
        const next = await within('the lock', waiting)
        const late = [check(key(), held.pair), put(key('result'), 'late')]
        await refusal(kv.transaction(late), 'TRANSACTION_FAILED')
        await other.transaction([check(key(), next.pair), put(key('result'), 'next')])
        assert.equal(textOf(await kv.get(key('result'))), 'next')
      },
      withoutTransactions(target),
    )

    it('stay when the holder shows another value', async ({ kv, key, open }) => {
      const other = await open()
      const held = await kv.newLock(key(), { value: 'one' }).lock()
      const { token, pair } = held
      const updated = await held.update('two')
      assert.equal(held.pair, updated)
      assert.equal(held.token, token)
      assert.ok(updated.revision > pair.revision)
      const shown = await other.get(key())
      assert.equal(textOf(shown), 'two')
      assert.equal(shown?.createRevision, token)
      assert.equal(shown.revision, updated.revision)
      assert.equal(held.isHeld(), true)
      await held.unlock()
      assert.equal(await kv.get(key()), null)
    })

    it('are of no use for an update when the lock is lost', async ({ kv, key, open }) => {
      const other = await open()
      const held = await kv.newLock(key(), { value: 'me' }).lock()
      await other.delete(key())
      await refusal(held.update('still me'), 'LOCK_LOST')
      assert.equal(held.isHeld(), false)
      assert.equal(await kv.get(key()), null)
      const given = await within('the lock', kv.newLock(key()).lock())
      await given.unlock()
      await refusal(given.update('still me'), 'LOCK_LOST')
      assert.equal(await kv.get(key()), null)
    })

    it('do not change while the lock is held', async ({ kv, key }) => {
      const held = await kv.newLock(key()).lock()
      const { token } = held
      await kv.put(key('other'), 'v')
      assert.equal(held.token, token)
    })
  },
  withoutReservedKeys,
)
