import { clusterCases } from '@libkv/testing/backend-cases/cluster'
import { zookeeperUnderTest } from './zookeeper-under-test.ts'

clusterCases(zookeeperUnderTest)
