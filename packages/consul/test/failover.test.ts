import { unreachableCases } from '../../../tooling/backend-cases/unreachable.ts'
import { consulUnderTest } from './consul-under-test.ts'

// Clusters are in failover.heavy.ts.
unreachableCases(consulUnderTest)
