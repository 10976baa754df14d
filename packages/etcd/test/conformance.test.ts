import { conformanceOn } from '../../../tooling/backend-cases/conformance-on.ts'
import { etcdUnderTest } from './etcd-under-test.ts'

// The other kinds of servers are in matrix/, which LIBKV_TEST_MATRIX=full adds.
conformanceOn(etcdUnderTest, { nodes: 1, security: 'plain' })
