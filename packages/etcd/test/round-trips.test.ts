import { describe } from '@jest/globals'
import { countedStore } from '@libkv/testing/backend-cases/counted-store'
import { roundTripCases } from '@libkv/testing/backend-cases/round-trips'
import { etcdUnderTest } from './etcd-under-test.ts'

describe('etcd', () => {
  roundTripCases(countedStore(etcdUnderTest), {
    // The lease and the put.
    'put with a ttl': 2,
    // Pages of 10,000.
    'list of 10,001 keys': 2,
    // A lease, a contender, the line, the value; the read with which the holder's watch begins, and the stream of watches.
    lock: 6,
    unlock: 1,
  })
})
