import { modelCases } from '../../../tooling/backend-cases/model.ts'
import { consulUnderTest } from './consul-under-test.ts'

modelCases(consulUnderTest, 100)
