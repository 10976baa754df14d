import { describe, expect, it } from '@jest/globals'
import { zookeeper } from '@libkv/zookeeper'
import { runningServers } from '@libkv/testing/backend-cases/running-servers'
import { ZooKeeperCounter } from '@libkv/testing/servers/zookeeper-counter'

describe('what goes ahead of a read', () => {
  const servers = runningServers('zookeeper')

  it.each([
    ['proposal', { multi: 1, getData: 1 }],
    ['sync', { sync: 1, getData: 1 }],
  ] as const)('is a %s', async (readBarrier, requests) => {
    await using counter = await ZooKeeperCounter.to(servers().endpoints[0] ?? '')
    await using kv = zookeeper([counter.endpoint], { readBarrier, tickTime: 500 })
    await kv.put('key', 'x')
    await kv.get('key')
    counter.reset()
    await kv.get('key')
    expect(Object.fromEntries(counter.counts)).toEqual(requests)
    counter.reset()
    await kv.get('key', { consistency: 'stale' })
    expect(Object.fromEntries(counter.counts)).toEqual({ getData: 1 })
  })

  it('is checked before anything is asked', () => {
    expect(() => zookeeper(undefined, { readBarrier: 'quorum' as 'sync' })).toThrow(
      expect.objectContaining({ code: 'INVALID_OPTION' }),
    )
  })
})
