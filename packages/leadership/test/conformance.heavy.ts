import { heavy, quick } from '../../../tooling/backend-cases/suite-parts.ts'
import { leadershipSuite } from './suite.ts'
import { first } from './targets.ts'

leadershipSuite(heavy, () => true)
leadershipSuite(quick, (backend) => backend !== first, false)
