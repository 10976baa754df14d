import { describe, expect, it } from '@jest/globals'
import { put } from '@libkv/core'
import { etcd } from '@libkv/etcd'
import { runningServers } from '@libkv/testing/backend-cases/running-servers'
import { unreachableCases } from '@libkv/testing/backend-cases/unreachable'
import { etcdUnderTest } from './etcd-under-test.ts'

// Clusters are in failover.heavy.ts.
unreachableCases(etcdUnderTest)

describe('a connection to etcd', () => {
  const servers = runningServers('etcd')

  it('does not suffer from one call that is too large', async () => {
    await using kv = etcd(servers().endpoints)
    const parts = Array.from({ length: 5 }, (_, i) =>
      put(`big/${String(i)}`, Buffer.alloc(500_000)),
    )
    const large = kv.transaction(parts)
    const calls = Array.from({ length: 20 }, (_, i) => kv.put(`small/${String(i)}`, 'x'))
    await expect(large).rejects.toMatchObject({ code: 'VALUE_TOO_LARGE', ambiguous: false })
    await Promise.all(calls)
    for (const { key, value } of parts) await kv.put(key, value)
    const list = await kv.list('big')
    expect(list.map(({ value }) => value.length)).toEqual(Array.from({ length: 5 }, () => 500_000))
    for (let i = 5; i < 12; i++) await kv.put(`big/${String(i)}`, Buffer.alloc(500_000))
    expect(await kv.list('big')).toHaveLength(12)
  })
})
