import { tlsCases } from '../../../tooling/backend-cases/tls.ts'
import { etcdUnderTest } from './etcd-under-test.ts'

tlsCases(etcdUnderTest)
