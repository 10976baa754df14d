import { conformanceOn } from '@libkv/testing/backend-cases/conformance-on'
import { zookeeperUnderTest } from '../zookeeper-under-test.ts'

conformanceOn(zookeeperUnderTest, { nodes: 3, security: 'tls' })
