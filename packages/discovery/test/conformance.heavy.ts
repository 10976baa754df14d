import { heavy, quick } from '../../../tooling/backend-cases/suite-parts.ts'
import { discoverySuite } from './suite.ts'
import { first } from './targets.ts'

discoverySuite(heavy, () => true)
discoverySuite(quick, (backend) => backend !== first, false)
