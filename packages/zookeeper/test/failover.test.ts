import { unreachableCases } from '@libkv/testing/backend-cases/unreachable'
import { zookeeperUnderTest } from './zookeeper-under-test.ts'

// A cluster is three virtual machines: failover.heavy.ts.
unreachableCases(zookeeperUnderTest)
