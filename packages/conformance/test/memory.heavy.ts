import { heavy } from '../../../tooling/backend-cases/suite-parts.ts'
import { memorySuite } from './memory-suite.ts'

memorySuite(heavy)
