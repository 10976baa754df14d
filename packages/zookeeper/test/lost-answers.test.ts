import { beforeAll, describe } from '@jest/globals'
import { countedStore } from '../../../tooling/backend-cases/counted-store.ts'
import { lostAnswerCases } from '../../../tooling/backend-cases/lost-answers.ts'
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
