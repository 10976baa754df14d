import assert from 'node:assert/strict'
import type { Store } from '@libkv/core'
import { group, withoutReservedKeys } from '../group.ts'
import type { CaseGroup } from '../group.ts'
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
  ({ it }) => {
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
      await within('all turns', Promise.all(stores.map(take)), 15_000)
      assert.equal(tokens.length, 12)
      assertGrowing(tokens)
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
