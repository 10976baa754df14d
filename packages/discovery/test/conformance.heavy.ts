import { namespaced } from '@libkv/testing/backend-cases/suite-parts'
import { discoverySuite } from './suite.ts'

discoverySuite(namespaced, () => true)
