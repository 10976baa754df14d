import { expect, it } from '@jest/globals'
import { consul } from '@libkv/consul'
import { lockQueueDirectory } from '@libkv/core/driver'
import { WAIT_TIMEOUT, waitFor } from '@libkv/testing'
import { RequestCounter } from '@libkv/testing/servers'

/** Resolves when next to nothing is asked: polling would be twice a second for each watch. */
export async function quiet(counter: RequestCounter): Promise<void> {
  let before = -Infinity
  const isQuiet = (): boolean => {
    const asked = counter.total - before
    before = counter.total
    return asked < 8
  }
  await waitFor(isQuiet, { what: 'nothing to be asked', every: 1_000, timeout: 60_000 })
}

/** A lock that goes from one to the next of so many. */
export function lockQueueCase(endpoint: () => string, size: number): void {
  it(`hand a lock over for a handful of requests each, with ${String(size)} in line from one store`, async () => {
    await using counter = await RequestCounter.to(endpoint())
    // All of it at once may be a lot for a busy machine.
    await using kv = consul([counter.endpoint], { requestTimeout: 4 * WAIT_TIMEOUT })
    const session = await kv.session({ ttl: 600_000 })
    const first = await kv.newLock('line', { session }).lock()
    const order: bigint[] = []
    const waiters = Array.from({ length: size }, async () => {
      const held = await kv.newLock('line', { session }).lock({ timeout: 10 * WAIT_TIMEOUT })
      order.push(held.token)
      await held.unlock()
    })
    const inLine = async (): Promise<boolean> => {
      const answer = await fetch(`${endpoint()}/v1/kv/${lockQueueDirectory('line')}/?keys`)
      return ((await answer.json()) as string[]).length === size + 1
    }
    await waitFor(inLine, { what: 'all to be in line', timeout: 8 * WAIT_TIMEOUT })
    // All watch the one ahead of them when nothing is asked any more but what waits.
    await quiet(counter)
    counter.reset()
    await first.unlock()
    await Promise.all(waiters)
    expect(order).toHaveLength(size)
    expect(order).toEqual([...order].sort((a, b) => (a < b ? -1 : 1)))
    // The unlock, the query that it wakes, the look at the line, the lock, and its own watch; and what goes on beside it, which is
    // more where the machine is slow.
    if (Math.round(counter.total / size) > 8)
      expect(counter.counts).toBe('eight requests for each hand-over')
  }, 600_000)
}
