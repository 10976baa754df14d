import type { HeldLock, LockCallOptions, LockContender, Locker, Store } from '@libkv/core'
import { later, replace } from './broken-stores.ts'
import type { Breakage } from './broken-stores.ts'

/** Locks made of a plain put, with whatever is to be wrong about them. */
function looseLocker(store: Store, key: string, nextToken: () => bigint): Locker {
  let held: HeldLock | undefined
  const lock = async (): Promise<HeldLock> => {
    const controller = new AbortController()
    let pair = await store.put(key, '')
    const unlock = async (): Promise<void> => {
      if (controller.signal.aborted) return
      controller.abort()
      await store.delete(key)
    }
    return (held = {
      key,
      token: nextToken(),
      get pair() {
        return pair
      },
      signal: controller.signal,
      isHeld: () => !controller.signal.aborted,
      update: async (value) => (pair = await store.put(key, value)),
      unlock,
      [Symbol.asyncDispose]: unlock,
    })
  }
  return {
    key,
    lock,
    tryLock: lock,
    contenders: async () => [],
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

/** A token of its own, which grows as it should and which nobody else can see. */
export const hidesTokens: Breakage = (store) => ({
  newLock: (key, options) => {
    const locker = store.newLock(key, options)
    const lock = async (): Promise<HeldLock> => {
      const held = await locker.lock()
      return replace(held, { token: held.token * 2n })
    }
    return replace<Locker>(locker, { lock })
  },
})

export const ignoresSuccessors: Breakage = (store) => ({
  newLock: (key, options) => {
    const locker = store.newLock(key, options)
    const lock = async (lockOptions: LockCallOptions = {}): Promise<HeldLock> => {
      const held = await locker.lock(lockOptions)
      return replace(held, { unlock: () => held.unlock() })
    }
    return replace<Locker>(locker, { lock })
  },
})

export const reversesContenders: Breakage = (store) => ({
  newLock: (key, options) => {
    const locker = store.newLock(key, options)
    const contenders = async (): Promise<LockContender[]> => {
      const all = await locker.contenders()
      return all.reverse()
    }
    return replace<Locker>(locker, { contenders })
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
