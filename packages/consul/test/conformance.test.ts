import { conformanceOn } from '../../../tooling/backend-cases/conformance-on.ts'
import { consulUnderTest } from './consul-under-test.ts'

// The other kinds of servers are in matrix/, which LIBKV_TEST_MATRIX=full adds.
conformanceOn(consulUnderTest, { nodes: 1, security: 'plain' })
