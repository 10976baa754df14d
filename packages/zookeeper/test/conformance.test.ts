import { conformanceOn } from '@libkv/testing/backend-cases/conformance-on'
import { quick } from '@libkv/testing/backend-cases/suite-parts'
import { zookeeperUnderTest } from './zookeeper-under-test.ts'

// The same in a namespace: tooling/runners, and matrix/ on the other kinds of servers.
conformanceOn(zookeeperUnderTest, { nodes: 1, security: 'plain' }, quick)
