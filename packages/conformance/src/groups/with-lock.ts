import assert from 'node:assert/strict'
import { withLock } from '@libkv/core'
import { textOf } from '../bytes.ts'
import { group, withoutReservedKeys } from '../group.ts'
import type { CaseGroup } from '../group.ts'
import { refusal, rejection } from '../refusal.ts'
import { waitFor, within } from '../wait-for.ts'

export const withLockCases: CaseGroup = group(
  'withLock',
  ({ it }) => {
    it('holds the lock during the work and gives its result', async ({ kv, key, open }) => {
      const other = await open()
      const result = await withLock(
        kv,
        key(),
        async (signal, token) => {
          assert.equal(signal.aborted, false)
          assert.equal(typeof token, 'bigint')
          assert.equal(textOf(await kv.get(key())), 'me')
          assert.equal(await other.newLock(key()).tryLock(), null)
          return 'done'
        },
        { value: 'me' },
      )
      assert.equal(result, 'done')
      assert.equal(await kv.get(key()), null)
    })

    it('takes work that is not asynchronous', async ({ kv, key }) => {
      assert.equal(await withLock(kv, key(), () => 7), 7)
    })

    it('passes an error of the work on, and gives the lock back', async ({ kv, key }) => {
      const error = new Error('from the work')
      const failing = withLock(kv, key(), () => Promise.reject(error))
      assert.equal(await rejection(failing), error)
      assert.equal(await kv.get(key()), null)
      assert.notEqual(await kv.newLock(key()).tryLock(), null)
    })

    it('gives the lock back when the work throws at once', async ({ kv, key }) => {
      const error = new Error('from the work')
      const failing = withLock(kv, key(), () => {
        throw error
      })
      assert.equal(await rejection(failing), error)
      assert.equal(await kv.get(key()), null)
    })

    it('runs the works of several one after the other', async ({ kv, key, open }) => {
      const stores = [kv, await open(), await open()]
      const tokens: bigint[] = []
      let inside = 0
      const work = async (_signal: AbortSignal, token: bigint): Promise<void> => {
        assert.equal(++inside, 1, 'two work at once')
        await kv.get(key())
        tokens.push(token)
        inside--
      }
      const all = [...stores, ...stores].map((store) => withLock(store, key(), work))
      await within('all work', Promise.all(all))
      assert.deepEqual(
        tokens,
        [...tokens].sort((a, b) => (a < b ? -1 : 1)),
      )
      assert.equal(new Set(tokens).size, 6)
    })

    it('tells the work through its signal that the lock is lost', async ({ kv, key, open }) => {
      const operator = await open()
      const work = async (signal: AbortSignal): Promise<string> => {
        await operator.delete(key())
        await waitFor('the signal fires', () => signal.aborted)
        return 'done all the same'
      }
      const error = await refusal(withLock(kv, key(), work), 'LOCK_LOST')
      assert.equal(error.key, key())
    })

    it('prefers the error of the work to the loss of the lock', async ({ kv, key, open }) => {
      const operator = await open()
      const work = async (signal: AbortSignal): Promise<void> => {
        await operator.delete(key())
        await waitFor('the signal fires', () => signal.aborted)
        throw new Error('from the work')
      }
      const error = await rejection(withLock(kv, key(), work))
      assert.equal((error as Error).message, 'from the work')
    })

    it('waits no longer than its timeout', async ({ kv, key, open }) => {
      const other = await open()
      await other.newLock(key()).lock()
      let hasRun = false
      const work = (): void => {
        hasRun = true
      }
      await refusal(withLock(kv, key(), work, { timeout: 100 }), 'TIMEOUT')
      assert.equal(hasRun, false)
    })

    it('gives up waiting with the signal’s own reason', async ({ kv, key, open }) => {
      const other = await open()
      await other.newLock(key()).lock()
      const controller = new AbortController()
      const waiting = withLock(kv, key(), () => 'done', { signal: controller.signal })
      controller.abort('enough')
      assert.equal(await rejection(waiting), 'enough')
    })

    it('uses a session that is given, and leaves it open', async ({ kv, key }) => {
      const session = await kv.session()
      await withLock(kv, key(), () => undefined, { session })
      assert.equal(session.isAlive(), true)
      assert.equal(await kv.get(key()), null)
    })
  },
  withoutReservedKeys,
)
