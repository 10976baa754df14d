import { tlsCases } from '../../../tooling/backend-cases/tls.ts'
import { consulUnderTest } from './consul-under-test.ts'

tlsCases(consulUnderTest)
