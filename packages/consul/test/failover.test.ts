import { unreachableCases } from '@libkv/testing/backend-cases/unreachable'
import { consulUnderTest } from './consul-under-test.ts'

// Clusters are in failover.heavy.ts.
unreachableCases(consulUnderTest)
