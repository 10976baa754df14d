import { conformanceOn } from '../../../tooling/backend-cases/conformance-on.ts'
import { zookeeperUnderTest } from './zookeeper-under-test.ts'

// The other kinds of servers are in matrix/, which LIBKV_TEST_MATRIX=full adds.
conformanceOn(zookeeperUnderTest, { nodes: 1, security: 'plain' })
