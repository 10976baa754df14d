import { namespaced } from '../../../tooling/backend-cases/suite-parts.ts'
import { discoverySuite } from './suite.ts'

discoverySuite(namespaced, () => true)
