import { quick } from '@libkv/testing/backend-cases/suite-parts'
import { memorySuite } from './memory-suite.ts'

memorySuite(quick)
