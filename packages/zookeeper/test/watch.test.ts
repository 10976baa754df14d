import { describe } from '@jest/globals'
import { proxiedStore } from '@libkv/testing/backend-cases/proxied-store'
import { watchFaultCases } from '@libkv/testing/backend-cases/watch-faults'
import { zookeeperUnderTest } from './zookeeper-under-test.ts'

describe('a watch on zookeeper', () => {
  watchFaultCases(proxiedStore(zookeeperUnderTest))
})
