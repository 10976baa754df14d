import { conformanceOn } from '../conformance-on.ts'

conformanceOn({ nodes: 3, security: 'auth' })
