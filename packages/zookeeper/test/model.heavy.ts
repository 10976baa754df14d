import { modelCases } from '@libkv/testing/backend-cases/model'
import { zookeeperUnderTest } from './zookeeper-under-test.ts'

modelCases(zookeeperUnderTest, 100)
