import { conformanceOn } from '../../../tooling/backend-cases/conformance-on.ts'
import { quick } from '../../../tooling/backend-cases/suite-parts.ts'
import { etcdUnderTest } from './etcd-under-test.ts'

// The same in a namespace: tooling/runners, and matrix/ on the other kinds of servers.
conformanceOn(etcdUnderTest, { nodes: 1, security: 'plain' }, quick)
