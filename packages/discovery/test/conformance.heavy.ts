import { heavy } from '../../../tooling/backend-cases/suite-parts.ts'
import { discoverySuite } from './suite.ts'

discoverySuite(heavy)
