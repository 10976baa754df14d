import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { etcd } from '@libkv/etcd'
import { Etcd3 } from 'etcd3'
import { waitFor } from '@libkv/testing'
import { proxiedStore } from '@libkv/testing/backend-cases/proxied-store'
import { sessionFaultCases } from '@libkv/testing/backend-cases/session-faults'
import { startServers } from '@libkv/testing/servers'
import { etcdUnderTest } from './etcd-under-test.ts'

describe('a lease of etcd', () => {
  const proxied = proxiedStore(etcdUnderTest)
  let raw: Etcd3
  beforeAll(() => {
    raw = new Etcd3({ hosts: [...proxied.servers.endpoints] })
  })
  afterAll(() => {
    raw.close()
  })

  sessionFaultCases(etcdUnderTest, proxied, {
    now: async () => (await raw.leaseClient.leaseLeases()).leases.length,
    ofTtl: 1,
  })

  it('of etcd3 itself tells its loss only long after, for comparison', async () => {
    const { direct, proxy } = proxied
    const client = new Etcd3({ hosts: [proxy.endpoint] })
    const lease = client.lease(2)
    await lease.put('control').value('x')
    let isLost = false
    lease.on('lost', () => {
      isLost = true
    })
    proxy.blackhole()
    await waitFor(async () => !(await direct.exists('control')), { what: 'the key to go' })
    expect(isLost).toBe(false)
    await waitFor(() => isLost, { what: 'etcd3 to notice' })
    proxy.pass()
    proxy.cut()
    client.close()
  })

  it('refuses a ttl below the minimum of a server that is slow to elect, and leaves nothing there', async () => {
    await using slow = await startServers('etcd', {
      runtime: proxied.servers.runtime === 'container' ? 'container' : 'process',
      args: ['--heartbeat-interval=500', '--election-timeout=5000'],
    })
    await using kv = etcd(slow.endpoints)
    const refusal = { code: 'INVALID_OPTION', message: expect.stringMatching(/no less than 8000/) }
    await expect(kv.session({ ttl: 1_000 })).rejects.toMatchObject(refusal)
    await expect(kv.put('key', 'x', { ttl: 1_000 })).rejects.toMatchObject(refusal)
    expect(await kv.exists('key')).toBe(false)
    const client = new Etcd3({ hosts: [...slow.endpoints] })
    expect((await client.leaseClient.leaseLeases()).leases).toEqual([])
    client.close()
    await (await kv.session({ ttl: 10_000 })).close()
  })
})
