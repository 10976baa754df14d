import { conformanceOn } from '../../../../tooling/backend-cases/conformance-on.ts'
import { etcdUnderTest } from '../etcd-under-test.ts'

conformanceOn(etcdUnderTest, { nodes: 3, security: 'plain' })
