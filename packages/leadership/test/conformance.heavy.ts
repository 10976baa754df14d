import { namespaced } from '@libkv/testing/backend-cases/suite-parts'
import { leadershipSuite } from './suite.ts'

leadershipSuite(namespaced, () => true)
