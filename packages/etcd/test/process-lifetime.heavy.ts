import { processLifetimeCases } from '../../../tooling/backend-cases/process-lifetime.ts'
import { etcdUnderTest } from './etcd-under-test.ts'

processLifetimeCases(etcdUnderTest)
