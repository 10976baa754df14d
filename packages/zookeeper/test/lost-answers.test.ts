import { describe } from '@jest/globals'
import { countedStore } from '../../../tooling/backend-cases/counted-store.ts'
import { lostAnswerCases } from '../../../tooling/backend-cases/lost-answers.ts'
import { zookeeperUnderTest } from './zookeeper-under-test.ts'

describe('zookeeper', () => {
  lostAnswerCases(zookeeperUnderTest, countedStore(zookeeperUnderTest), {
    create: 'multi',
    put: 'setData',
    delete: 'delete',
    get: 'getData',
    lock: ['connect', 'multi', 'multiRead'],
  })
})
