import { quick } from '@libkv/testing/backend-cases/suite-parts'
import { discoverySuite } from './suite.ts'
import { first } from './targets.ts'

// On the embedded store and one server; on the other backends in conformance.heavy.ts.
discoverySuite(quick, (backend) => backend === first)
