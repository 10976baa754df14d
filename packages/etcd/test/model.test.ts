import { modelCases } from '../../../tooling/backend-cases/model.ts'
import { etcdUnderTest } from './etcd-under-test.ts'

modelCases(etcdUnderTest, 20)
