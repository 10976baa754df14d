import { modelCases } from '@libkv/testing/backend-cases/model'
import { etcdUnderTest } from './etcd-under-test.ts'

modelCases(etcdUnderTest, 20)
