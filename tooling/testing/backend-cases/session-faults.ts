import { describe, expect, it } from '@jest/globals'
import { waitFor } from '../wait-for.ts'
import type { BackendUnderTest } from './backend-under-test.ts'
import type { ProxiedStore } from './proxied-store.ts'

/** What the server has: etcd's leases, the sessions of Consul and ZooKeeper. */
export interface SessionCount {
  /** How many it has now; none while no test is at work. */
  now(): Promise<number>
  /** How many a key with a time to live takes, as long as it is there. */
  readonly ofTtl: number
}

/** A holder that is cut off learns of its loss before the server gives the lock to the next one. */
export async function tellsLossFirst({
  kv,
  direct,
  proxy,
}: Pick<ProxiedStore, 'kv' | 'direct' | 'proxy'>): Promise<void> {
  const held = await kv.newLock('partitioned', { ttl: 3_000 }).lock()
  const lost = new Promise<number>((resolve) => {
    held.signal.addEventListener('abort', () => {
      resolve(performance.now())
    })
  })
  const next = direct
    .newLock('partitioned')
    .lock()
    .then((lock) => ({ lock, at: performance.now() }))
  proxy.blackhole()
  const { lock, at } = await next
  expect(held.isHeld()).toBe(false)
  expect(await lost).toBeLessThan(at)
  expect(lock.token).toBeGreaterThan(held.token)
  await lock.unlock()
  proxy.pass()
  proxy.cut()
}

/** Sessions that are cut off, outlast a restart, or are closed. */
export function sessionFaultCases(
  { openAt, steadyTtl }: BackendUnderTest,
  proxied: ProxiedStore,
  sessions: SessionCount,
): void {
  describe('a session', () => {
    it('tells the loss of a lock before the server gives it away', async () => {
      await tellsLossFirst(proxied)
    })

    it('outlasts a restart of the server', async () => {
      const { kv, direct, server } = proxied
      // Longer than a server takes to restart on a busy machine.
      const session = await kv.session({ ttl: 3 * steadyTtl })
      await kv.put('kept', 'x', { session })
      await server.restart()
      await waitFor(async () => (await kv.get('kept')) !== null, {
        what: 'the key after the restart',
      })
      expect(session.isAlive()).toBe(true)
      await session.close()
      expect(await direct.exists('kept')).toBe(false)
    })

    it('is gone from the server after close, whatever was done', async () => {
      const { direct, servers } = proxied
      await waitFor(async () => (await sessions.now()) === 0, { what: 'a server without sessions' })
      const kv = openAt(servers.endpoints)
      const ttl = 60_000
      const session = await kv.session({ ttl })
      await kv.put('a', 'x', { session })
      await kv.newLock('l', { ttl }).lock()
      await kv.newLock('shared', { session }).lock()
      await kv.atomicPut('b', 'x', null, { ttl })
      await expect(kv.atomicPut('b', 'y', null, { ttl })).rejects.toMatchObject({
        code: 'KEY_EXISTS',
      })
      const waiting = kv.newLock('l', { ttl }).lock()
      const aborted = new AbortController()
      const opening = kv.session({ ttl, signal: aborted.signal })
      aborted.abort(new Error('changed my mind'))
      await expect(opening).rejects.toThrow('changed my mind')
      const closed = expect(waiting).rejects.toMatchObject({ code: 'CLOSED' })
      await kv.close()
      await closed
      // What is left is that of b, a key with a time to live.
      await waitFor(async () => (await sessions.now()) === sessions.ofTtl, {
        what: 'the other sessions to go',
      })
      expect((await direct.get('b'))?.text()).toBe('x')
      expect(await direct.exists('a')).toBe(false)
      await direct.delete('b')
    })
  })
}
