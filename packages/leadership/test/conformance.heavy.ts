import { namespaced } from '../../../tooling/backend-cases/suite-parts.ts'
import { leadershipSuite } from './suite.ts'

leadershipSuite(namespaced, () => true)
