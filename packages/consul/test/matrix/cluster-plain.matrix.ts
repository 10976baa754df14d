import { conformanceOn } from '../../../../tooling/backend-cases/conformance-on.ts'
import { consulUnderTest } from '../consul-under-test.ts'

conformanceOn(consulUnderTest, { nodes: 3, security: 'plain' })
