import { describe } from '@jest/globals'
import { countedStore } from '../../../tooling/backend-cases/counted-store.ts'
import { roundTripCases } from '../../../tooling/backend-cases/round-trips.ts'
import { etcdUnderTest } from './etcd-under-test.ts'

describe('etcd', () => {
  roundTripCases(countedStore(etcdUnderTest), {
    get: 1,
    'get of what is absent': 1,
    'a stale get': 1,
    exists: 1,
    'put of a key that exists': 1,
    'put of a new key': 1,
    // The lease and the put.
    'put with a ttl': 2,
    delete: 1,
    'delete of what is absent': 1,
    list: 1,
    keys: 1,
    deleteTree: 1,
    transaction: 1,
    'atomicPut that creates': 1,
    'atomicPut that conflicts': 1,
    'atomicPut of a pair': 1,
    'atomicDelete of a pair': 1,
    session: 1,
    // Pages of 10,000.
    'list of 10,001 keys': 2,
    // A lease, a contender, the line, the value; the read with which the holder's watch begins, and the stream of watches.
    lock: 6,
    unlock: 1,
  })
})
