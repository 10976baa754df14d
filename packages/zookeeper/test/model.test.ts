import { modelCases } from '../../../tooling/backend-cases/model.ts'
import { zookeeperUnderTest } from './zookeeper-under-test.ts'

modelCases(zookeeperUnderTest, 20)
