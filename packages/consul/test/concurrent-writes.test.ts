import { describe, expect, it } from '@jest/globals'
import { consul } from '@libkv/consul'
import { runningServers } from '@libkv/testing/backend-cases/running-servers'

/** All writes of one transaction of Consul have one index. What the caller wrote in several calls must not have. */
describe('writes of one store that meet on Consul', () => {
  const servers = runningServers('consul')

  it('give a lock to one at a time, in order, although its waiters get in line at once', async () => {
    await using kv = consul(servers().endpoints)
    const session = await kv.session({ ttl: 60_000 })
    let inside = 0
    let most = 0
    const tokens: bigint[] = []
    await Promise.all(
      Array.from({ length: 60 }, async () => {
        const held = await kv.newLock('lock', { session }).lock()
        most = Math.max(most, ++inside)
        tokens.push(held.token)
        await kv.get('lock')
        inside--
        await held.unlock()
      }),
    )
    expect(most).toBe(1)
    expect(tokens).toHaveLength(60)
    expect(tokens.filter((token, i) => i > 0 && token <= (tokens[i - 1] ?? 0n))).toEqual([])
  })

  it('have revisions of their own, new keys and old ones', async () => {
    await using kv = consul(servers().endpoints)
    for (let round = 0; round < 2; round++) {
      const keys = Array.from({ length: 300 }, (_, i) => `own/${String(i)}`)
      const pairs = await Promise.all(keys.map((key) => kv.put(key, String(round))))
      expect(new Set(pairs.map(({ revision }) => revision)).size).toBe(300)
      expect(new Set(pairs.map(({ createRevision }) => createRevision)).size).toBe(300)
    }
  })

  it('do not share their failures', async () => {
    await using kv = consul(servers().endpoints)
    const session = await kv.session({ ttl: 60_000 })
    const old = await kv.put('failures/modified', '1')
    await kv.put('failures/modified', '2')
    await kv.put('failures/bound', '1', { session })
    const outcomes = await Promise.allSettled([
      ...Array.from({ length: 40 }, (_, i) => kv.put(`failures/put/${String(i)}`, 'x')),
      kv.atomicPut('failures/modified', '3', old),
      kv.atomicPut('failures/modified', '3', null),
      kv.put('failures/bound', '2'),
      kv.delete('failures/none'),
    ])
    const codes = outcomes.flatMap((outcome) =>
      outcome.status === 'rejected' ? [(outcome.reason as { code: string }).code] : [],
    )
    expect(codes).toEqual(['KEY_MODIFIED', 'KEY_EXISTS'])
    await session.close()
    expect((await kv.get('failures/bound'))?.text()).toBe('2')
    expect(await kv.keys('failures/put')).toHaveLength(40)
  })
})
