import { memory, memoryFaults } from '@libkv/memory'
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals'
import { waitFor } from '@libkv/testing'
import { withLock } from '../src/index.ts'
import type { Store } from '../src/index.ts'
import { refusal } from './outcome.ts'

let kv: Store
let name: string
let count = 0

beforeEach(() => {
  name = `with-lock-${String(++count)}`
  kv = memory([name])
})
afterEach(async () => {
  memoryFaults(name).reset()
  await kv.close()
})

describe('withLock()', () => {
  it('runs the work while the lock is held, and gives back what it gave', async () => {
    const result = await withLock(
      kv,
      'jobs',
      async (signal, token) => {
        expect(signal.aborted).toBe(false)
        expect((await kv.get('jobs'))?.text()).toBe('worker 1')
        return `done ${String(token > 0n)}`
      },
      { value: 'worker 1' },
    )
    expect(result).toBe('done true')
    expect(await kv.get('jobs')).toBeNull()
    expect(memoryFaults(name).sessions).toBe(0)
  })

  it('runs one work after the other, with growing tokens', async () => {
    let running = 0
    const tokens: bigint[] = []
    const work = async (_signal: AbortSignal, token: bigint): Promise<void> => {
      expect(++running).toBe(1)
      tokens.push(token)
      await kv.get('x')
      running--
    }
    await Promise.all(Array.from({ length: 10 }, () => withLock(kv, 'jobs', work)))
    expect(tokens).toHaveLength(10)
    expect(tokens.every((token, i) => i === 0 || token > (tokens[i - 1] ?? 0n))).toBe(true)
  })

  it('throws what the work throws, and gives the lock back', async () => {
    const bug = new Error('a bug')
    await expect(
      withLock(kv, 'jobs', () => {
        throw bug
      }),
    ).rejects.toBe(bug)
    expect(await kv.newLock('jobs').tryLock()).not.toBeNull()
  })

  it('throws LOCK_LOST when the lock was lost under the work, and tells the work', async () => {
    let reason: unknown
    const error = await refusal(
      withLock(kv, 'jobs', async (signal) => {
        memoryFaults(name).dropSessions()
        await waitFor(() => signal.aborted, { what: 'the signal of the work' })
        reason = signal.reason
      }),
      'LOCK_LOST',
    )
    expect(reason).toMatchObject({ code: 'LOCK_LOST' })
    expect(error.cause).toBe(reason)
    expect(error).toMatchObject({ key: 'jobs', backend: 'memory' })
  })

  it('gives the result of work that was done in time although the lock cannot be given back', async () => {
    const hasty = memory([name], { connectionTimeout: 20 })
    const result = await withLock(hasty, 'jobs', () => {
      memoryFaults(name).disconnect()
      return 'done'
    })
    expect(result).toBe('done')
    memoryFaults(name).reconnect()
    await hasty.close()
  })

  it('does not start the work when it is aborted or out of time before', async () => {
    const held = await kv.newLock('jobs').lock()
    const never = (): never => {
      throw new Error('must not run')
    }
    await refusal(withLock(kv, 'jobs', never, { timeout: 20 }), 'TIMEOUT')
    const reason = new Error('no longer interested')
    await expect(withLock(kv, 'jobs', never, { signal: AbortSignal.abort(reason) })).rejects.toBe(
      reason,
    )
    await held.unlock()
  })
})
