import { describe, expect, it } from '@jest/globals'
import type { BackendUnderTest } from './backend-under-test.ts'
import { waitFor } from '../wait-for.ts'
import type { CountedStore } from './counted-store.ts'

/** What the requests are called that carry these calls. */
export interface Requests {
  readonly create: string
  readonly put: string
  readonly delete: string
  /** Of the key `read`. */
  readonly get: string
  /** Those of taking the lock `lock`, as far as they can be told from others. */
  readonly lock: readonly string[]
}

/** The server has carried it out, and the client cannot know: what nobody may paper over, and what nobody need be told. */
export function lostAnswerCases(
  { backend }: BackendUnderTest,
  counted: CountedStore,
  requests: Requests,
): void {
  const ambiguous = { ambiguous: true, retryable: true, backend }

  /** Loses the answer to the next request of that name, and counts from here. */
  function lose(request: string): void {
    counted.counter.reset()
    counted.counter.loseNextAnswer(request)
  }

  describe('a write whose answer was lost', () => {
    it('is ambiguous, and a create is not called a conflict with itself', async () => {
      const { kv, direct, counter } = counted
      lose(requests.create)
      await expect(kv.atomicPut('create', 'mine', null)).rejects.toMatchObject(ambiguous)
      expect(counter.count(requests.create)).toBe(1)
      expect((await direct.get('create'))?.text()).toBe('mine')
    })

    it('is ambiguous, and a delete is not called a miss', async () => {
      const { kv, direct, counter } = counted
      await kv.put('delete', 'x')
      lose(requests.delete)
      await expect(kv.delete('delete')).rejects.toMatchObject(ambiguous)
      expect(counter.count(requests.delete)).toBe(1)
      expect(await direct.exists('delete')).toBe(false)
    })

    it('is ambiguous, and a put happens once', async () => {
      const { kv, direct, counter } = counted
      await kv.put('put', '1')
      const seen: (string | undefined)[] = []
      const watching = (async () => {
        for await (const pair of direct.watch('put')) {
          seen.push(pair?.text())
          if (pair?.text() === 'end') return
        }
      })()
      await waitFor(() => seen.length === 1, { what: 'the first state' })
      lose(requests.put)
      await expect(kv.put('put', '2')).rejects.toMatchObject(ambiguous)
      expect(counter.count(requests.put)).toBe(1)
      await waitFor(() => seen.length === 2, { what: 'the put' })
      await direct.put('put', 'end')
      await watching
      expect(seen).toEqual(['1', '2', 'end'])
    })
  })

  describe('a read whose answer was lost', () => {
    it('is asked again', async () => {
      const { kv, counter } = counted
      await kv.put('read', 'here')
      lose(requests.get)
      expect((await kv.get('read'))?.text()).toBe('here')
      expect(counter.count(requests.get)).toBe(2)
    })
  })

  describe('a lock', () => {
    for (const request of requests.lock) {
      it(`has neither a ghost in the line nor a second holder when the answer to ${request} was lost`, async () => {
        const { kv, direct, counter } = counted
        lose(request)
        const held = await kv.newLock('lock', { ttl: 2_000 }).lock({ timeout: 10_000 })
        expect(counter.count(request)).toBeGreaterThan(0)
        expect(await direct.newLock('lock').tryLock()).toBeNull()
        await held.unlock()
        const next = await direct.newLock('lock').lock({ timeout: 10_000 })
        expect(next.token).toBeGreaterThan(held.token)
        await next.unlock()
      })
    }
  })
}
