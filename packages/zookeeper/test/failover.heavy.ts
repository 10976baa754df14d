import { clusterCases } from '../../../tooling/backend-cases/cluster.ts'
import { zookeeperUnderTest } from './zookeeper-under-test.ts'

clusterCases(zookeeperUnderTest)
