import type { HeldLock, Locker, Store } from '@libkv/core'
import { later, replace } from './broken-stores.ts'
import type { Breakage } from './broken-stores.ts'

/** Locks made of a plain put, with whatever is to be wrong about them. */
function looseLocker(store: Store, key: string, nextToken: () => bigint): Locker {
  let held: HeldLock | undefined
  const lock = async (): Promise<HeldLock> => {
    const controller = new AbortController()
    await store.put(key, '')
    const unlock = async (): Promise<void> => {
      if (controller.signal.aborted) return
      controller.abort()
      await store.delete(key)
    }
    return (held = {
      key,
      token: nextToken(),
      signal: controller.signal,
      isHeld: () => !controller.signal.aborted,
      unlock,
      [Symbol.asyncDispose]: unlock,
    })
  }
  return {
    key,
    lock,
    tryLock: lock,
    isHeld: () => held?.isHeld() ?? false,
    unlock: async () => held?.unlock(),
  }
}

export const locksForAll: Breakage = (store) => {
  let token = 0n
  return { newLock: (key) => looseLocker(store, key, () => ++token) }
}

/** As the lock above, but it waits; whoever polls first after the hand-over has it. */
export const locksWithoutOrder: Breakage = (store) => ({
  newLock: (key, options) => {
    const locker = store.newLock(key, options)
    const lock = async (): Promise<HeldLock> => {
      for (let wait = 40; ; wait = Math.max(2, wait / 2)) {
        const held = await locker.tryLock()
        if (held !== null) return held
        await later(wait)
      }
    }
    return replace<Locker>(locker, { lock })
  },
})

export const repeatsTokens: Breakage = (store) => ({
  newLock: (key, options) => {
    const locker = store.newLock(key, options)
    const lock = async (): Promise<HeldLock> => replace(await locker.lock(), { token: 1n })
    return replace<Locker>(locker, { lock })
  },
})

export const doesNotNoticeLoss: Breakage = (store) => ({
  newLock: (key, options) => {
    const locker = store.newLock(key, options)
    const lock = async (): Promise<HeldLock> => {
      const { signal } = new AbortController()
      return replace(await locker.lock(), { isHeld: () => true, signal })
    }
    return replace<Locker>(locker, { lock })
  },
})
