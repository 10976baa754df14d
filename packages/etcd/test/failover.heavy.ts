import { clusterCases } from '@libkv/testing/backend-cases/cluster'
import { etcdUnderTest } from './etcd-under-test.ts'

clusterCases(etcdUnderTest)
