import { conformanceOn } from '../../../tooling/backend-cases/conformance-on.ts'
import { quick } from '../../../tooling/backend-cases/suite-parts.ts'
import { etcdUnderTest } from './etcd-under-test.ts'

// The rest is in conformance.heavy.ts; the other kinds of servers are in matrix/.
conformanceOn(etcdUnderTest, { nodes: 1, security: 'plain' }, quick)
