import { beforeAll, describe } from '@jest/globals'
import { countedStore } from '@libkv/testing/backend-cases/counted-store'
import { lostAnswerCases } from '@libkv/testing/backend-cases/lost-answers'
import { zookeeperUnderTest } from './zookeeper-under-test.ts'

describe('zookeeper', () => {
  const counted = countedStore(zookeeperUnderTest)
  // The first key of all brings the guards into being.
  beforeAll(async () => {
    await counted.direct.put('first', '')
  })

  lostAnswerCases(zookeeperUnderTest, counted, {
    create: 'multi',
    put: 'setData',
    delete: 'delete',
    get: 'getData',
    lock: ['connect', 'multi', 'multiRead'],
  })
})
