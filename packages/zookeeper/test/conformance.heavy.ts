import { conformanceOn } from '../../../tooling/backend-cases/conformance-on.ts'
import { heavy } from '../../../tooling/backend-cases/suite-parts.ts'
import { zookeeperUnderTest } from './zookeeper-under-test.ts'

conformanceOn(zookeeperUnderTest, { nodes: 1, security: 'plain' }, heavy)
