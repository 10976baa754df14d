import { closeCases } from '@libkv/testing/backend-cases/close'
import { zookeeperUnderTest } from './zookeeper-under-test.ts'

closeCases(zookeeperUnderTest)
