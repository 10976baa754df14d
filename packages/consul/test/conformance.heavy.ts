import { conformanceOn } from '../../../tooling/backend-cases/conformance-on.ts'
import { heavy } from '../../../tooling/backend-cases/suite-parts.ts'
import { consulUnderTest } from './consul-under-test.ts'

conformanceOn(consulUnderTest, { nodes: 1, security: 'plain' }, heavy)
