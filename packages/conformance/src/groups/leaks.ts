import assert from 'node:assert/strict'
import type { Store } from '@libkv/core'
import { group, withoutReservedKeys } from '../group.ts'
import type { CaseGroup } from '../group.ts'
import { rejection } from '../refusal.ts'
import { waitFor } from '../wait-for.ts'

/** How much of what can hold the process there is: timers, sockets and the like. */
function resources(): Map<string, number> {
  const counts = new Map<string, number>()
  for (const kind of process.getActiveResourcesInfo()) {
    counts.set(kind, (counts.get(kind) ?? 0) + 1)
  }
  return counts
}

/** How long a store may take to let go of what it has opened, in milliseconds: less than its timers run. */
const CLOSING = 5_000

/** Checks that nothing is left of what a use of a store has opened. */
async function leavesNothing(
  open: () => Store | Promise<Store>,
  use: (store: Store) => Promise<unknown>,
): Promise<void> {
  const before = resources()
  const store = await open()
  await use(store)
  await store.close()
  let left: string[] = []
  const isClosed = (): boolean => {
    left = []
    for (const [kind, count] of resources()) {
      // The timer by which this very condition is waited for is gone when it is asked.
      if (count > (before.get(kind) ?? 0)) left.push(kind)
    }
    return left.length === 0
  }
  await waitFor('nothing is left open', isClosed, CLOSING).catch(() =>
    assert.fail(`left open: ${left.join(', ')}`),
  )
}

export const leakCases: CaseGroup = group('leaks', ({ it, target }) => {
  it('has none after reading and writing', async ({ key, dir, open }) => {
    await leavesNothing(open, async (store) => {
      await store.ready()
      const pair = await store.put(key(), 'v')
      await store.get(key())
      await store.list(dir)
      await store.atomicDelete(key(), pair)
    })
  })

  it('has none of a store that was never used', async ({ open }) => {
    await leavesNothing(open, () => Promise.resolve())
  })

  it('has none after an abort', async ({ key, open }) => {
    await leavesNothing(open, async (store) => {
      const controller = new AbortController()
      const { signal } = controller
      const calls = [
        store.get(key(), { signal }),
        store.session({ signal }),
        store.ready({ signal }),
      ]
      const rejected = Promise.all(calls.map((call) => rejection(call)))
      controller.abort('enough')
      await rejected
    })
  })

  it('has none after watches that nobody ended', async ({ key, dir, open }) => {
    await leavesNothing(open, async (store) => {
      await store.watch(key())[Symbol.asyncIterator]().next()
      await store.watchTree(dir)[Symbol.asyncIterator]().next()
    })
  })

  it('has none after sessions that nobody closed', async ({ key, open }) => {
    await leavesNothing(open, async (store) => {
      const session = await store.session()
      await store.put(key(), 'v', { session })
    })
  })

  it(
    'has none after locks that nobody gave back, and waiters',
    async ({ key, open }) => {
      await leavesNothing(open, async (store) => {
        await store.newLock(key()).lock()
        const waiting = rejection(store.newLock(key()).lock())
        await store.get(key())
        void waiting.catch(() => undefined)
      })
    },
    withoutReservedKeys(target),
  )

  it('has none of a watch that was ended, while the store is open', async ({ key, kv, open }) => {
    await kv.ready()
    await leavesNothing(open, async (store) => {
      await store.ready()
      const connected = resources().get('Timeout') ?? 0
      for (let i = 0; i < 5; i++) {
        for await (const state of store.watch(key())) if (state === null) break
      }
      const areGone = (): boolean => (resources().get('Timeout') ?? 0) <= connected
      await waitFor('the timers of the watches are gone', areGone, CLOSING)
    })
  })

  it('has none of calls that were answered, while the store is open', async ({ key, open }) => {
    await leavesNothing(open, async (store) => {
      await store.get(key())
      const connected = resources().get('Timeout') ?? 0
      await Promise.all(Array.from({ length: 50 }, () => store.get(key())))
      const areGone = (): boolean => (resources().get('Timeout') ?? 0) <= connected
      await waitFor('the timers of the calls are gone', areGone, CLOSING)
    })
  })
})
