import { closeCases } from '../../../tooling/backend-cases/close.ts'
import { zookeeperUnderTest } from './zookeeper-under-test.ts'

closeCases(zookeeperUnderTest)
