import { clusterCases } from '../../../tooling/backend-cases/cluster.ts'
import { unreachableCases } from '../../../tooling/backend-cases/unreachable.ts'
import { consulUnderTest } from './consul-under-test.ts'

unreachableCases(consulUnderTest)
clusterCases(consulUnderTest)
