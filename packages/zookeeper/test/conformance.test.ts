import { conformanceOn } from './conformance-on.ts'

// The other kinds of servers are in matrix/, which LIBKV_TEST_MATRIX=full adds.
conformanceOn({ nodes: 1, security: 'plain' })
