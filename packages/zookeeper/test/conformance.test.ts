import { conformanceOn } from '../../../tooling/backend-cases/conformance-on.ts'
import { quick } from '../../../tooling/backend-cases/suite-parts.ts'
import { zookeeperUnderTest } from './zookeeper-under-test.ts'

// The rest is in conformance.heavy.ts; the other kinds of servers are in matrix/.
conformanceOn(zookeeperUnderTest, { nodes: 1, security: 'plain' }, quick)
