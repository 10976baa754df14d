import { clusterCases } from '../../../tooling/backend-cases/cluster.ts'
import { unreachableCases } from '../../../tooling/backend-cases/unreachable.ts'
import { zookeeperUnderTest } from './zookeeper-under-test.ts'

unreachableCases(zookeeperUnderTest)
clusterCases(zookeeperUnderTest)
