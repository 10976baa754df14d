import { closeCases } from '../../../tooling/backend-cases/close.ts'
import { consulUnderTest } from './consul-under-test.ts'

closeCases(consulUnderTest)
