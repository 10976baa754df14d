import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals'
import type { Store } from '@libkv/core'
import { consul } from '@libkv/consul'
import { FaultProxy, startServers, waitFor } from '../../../tooling/servers/index.ts'
import type { Servers } from '../../../tooling/servers/index.ts'
import { MINIMUM_TTL, sessionsOf } from './support.ts'

describe('a write whose answer was lost', () => {
  let servers: Servers<'consul'>
  let proxy: FaultProxy
  let kv: Store
  let direct: Store

  beforeAll(async () => {
    servers = await startServers('consul')
    proxy = await FaultProxy.to(servers.endpoints[0] ?? '')
    kv = consul([proxy.endpoint], { minimumTtl: MINIMUM_TTL })
    direct = consul(servers.endpoints, { minimumTtl: MINIMUM_TTL })
  })
  beforeEach(async () => {
    await kv.ready()
  })
  afterAll(async () => {
    await kv.close()
    await direct.close()
    await proxy[Symbol.asyncDispose]()
    await servers[Symbol.asyncDispose]()
  })

  /** Loses the next answer that contains `text`, and lets all others pass. */
  function loseOne(text: string): void {
    proxy.onUpstreamData = (chunk) => {
      if (!chunk.includes(text)) return 'forward'
      proxy.onUpstreamData = undefined
      return 'lose'
    }
  }

  const ambiguous = { ambiguous: true, retryable: true, backend: 'consul' }

  it('is ambiguous, and a create is not called a conflict with itself', async () => {
    loseOne('Results')
    await expect(kv.atomicPut('create', 'mine', null)).rejects.toMatchObject(ambiguous)
    expect((await direct.get('create'))?.text()).toBe('mine')
  })

  it('is ambiguous, and a delete is not called a miss', async () => {
    await kv.put('delete', 'x')
    loseOne('Results')
    await expect(kv.delete('delete')).rejects.toMatchObject(ambiguous)
    expect(await direct.exists('delete')).toBe(false)
  })

  it('is ambiguous, and a put happens once', async () => {
    await kv.put('put', '1')
    const seen: string[] = []
    const watching = (async () => {
      for await (const pair of direct.watch('put')) {
        seen.push(`${pair?.text() ?? ''}@${String(pair?.revision)}`)
        if (pair?.text() === 'end') return
      }
    })()
    await waitFor(() => seen.length === 1, { what: 'the first state' })
    loseOne('Results')
    await expect(kv.put('put', '2')).rejects.toMatchObject(ambiguous)
    await waitFor(() => seen.length === 2, { what: 'the put' })
    await direct.put('put', 'end')
    await watching
    expect(seen).toHaveLength(3)
  })

  it('leaves reads alone: they are asked again', async () => {
    await kv.put('read', 'here')
    loseOne('ModifyIndex')
    expect((await kv.get('read'))?.text()).toBe('here')
  })

  it('leaves no session behind whose id nobody has learnt', async () => {
    const before = await sessionsOf(servers)
    loseOne('"ID"')
    const session = await kv.session({ ttl: 60_000 })
    await waitFor(async () => (await sessionsOf(servers)).length === before.length + 1, {
      what: 'the lost session to be destroyed',
    })
    await session.close()
  })

  it('leaves a lock neither a ghost in the line nor a second holder', async () => {
    for (const text of ['"ID"', 'Results', 'ModifyIndex']) {
      loseOne(text)
      const held = await kv.newLock('lock', { ttl: 2_000 }).lock({ timeout: 10_000 })
      expect(await direct.newLock('lock').tryLock()).toBeNull()
      await held.unlock()
      const next = await direct.newLock('lock').lock({ timeout: 10_000 })
      expect(next.token).toBeGreaterThan(held.token)
      await next.unlock()
    }
  })
})
