import { clusterCases } from '../../../tooling/backend-cases/cluster.ts'
import { etcdUnderTest } from './etcd-under-test.ts'

clusterCases(etcdUnderTest)
