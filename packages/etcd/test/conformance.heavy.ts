import { conformanceOn } from '../../../tooling/backend-cases/conformance-on.ts'
import { heavy } from '../../../tooling/backend-cases/suite-parts.ts'
import { etcdUnderTest } from './etcd-under-test.ts'

conformanceOn(etcdUnderTest, { nodes: 1, security: 'plain' }, heavy)
