import { describe, expect, it } from '@jest/globals'
import { countedStore } from '@libkv/testing/backend-cases/counted-store'
import { Follower } from '@libkv/testing/backend-cases/follower'
import { roundTripCases } from '@libkv/testing/backend-cases/round-trips'
import { etcdUnderTest } from './etcd-under-test.ts'

describe('etcd', () => {
  const counted = countedStore(etcdUnderTest)

  roundTripCases(counted, {
    // The lease and the put.
    'put with a ttl': 2,
    // Pages of 10,000.
    'list of 10,001 keys': 2,
    // A lease, a contender, the queue, the value; and the stream with which the holder's watch begins.
    lock: 5,
    unlock: 1,
  })

  it('takes one read and one stream for all that begin to watch a tree', async () => {
    const { kv, counter } = counted
    counter.reset()
    const followers = Array.from({ length: 50 }, () => new Follower(kv, 'shared'))
    for (const follower of followers) await follower.started()
    await kv.put('shared/key', '')
    for (const follower of followers) await follower.has(['shared/key'])
    expect(counter.count('/etcdserverpb.KV/Range')).toBe(1)
    expect(counter.count('/etcdserverpb.Watch/Watch')).toBe(1)
    for (const follower of followers) await follower.stop()
  })
})
