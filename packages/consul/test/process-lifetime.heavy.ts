import { processLifetimeCases } from '../../../tooling/backend-cases/process-lifetime.ts'
import { consulUnderTest } from './consul-under-test.ts'

processLifetimeCases(consulUnderTest)
