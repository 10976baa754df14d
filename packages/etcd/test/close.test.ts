import { closeCases } from '../../../tooling/backend-cases/close.ts'
import { etcdUnderTest } from './etcd-under-test.ts'

closeCases(etcdUnderTest)
