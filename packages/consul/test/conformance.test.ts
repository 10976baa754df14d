import { conformanceOn } from '../../../tooling/backend-cases/conformance-on.ts'
import { quick } from '../../../tooling/backend-cases/suite-parts.ts'
import { consulUnderTest } from './consul-under-test.ts'

// The rest is in conformance.heavy.ts; the other kinds of servers are in matrix/.
conformanceOn(consulUnderTest, { nodes: 1, security: 'plain' }, quick)
