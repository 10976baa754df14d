import { conformanceOn } from '../conformance-on.ts'

conformanceOn({ nodes: 1, security: 'auth' })
