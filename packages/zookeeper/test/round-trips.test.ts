import { describe } from '@jest/globals'
import { countedStore } from '../../../tooling/backend-cases/counted-store.ts'
import { roundTripCases } from '../../../tooling/backend-cases/round-trips.ts'
import { zookeeperUnderTest } from './zookeeper-under-test.ts'

describe('zookeeper', () => {
  roundTripCases(countedStore(zookeeperUnderTest), {
    lock: 6,
    unlock: 1,
  })
})
