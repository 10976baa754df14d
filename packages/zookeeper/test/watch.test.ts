import { describe } from '@jest/globals'
import { proxiedStore } from '../../../tooling/backend-cases/proxied-store.ts'
import { watchFaultCases } from '../../../tooling/backend-cases/watch-faults.ts'
import { zookeeperUnderTest } from './zookeeper-under-test.ts'

describe('a watch on zookeeper', () => {
  watchFaultCases(proxiedStore(zookeeperUnderTest))
})
