import { closeCases } from '@libkv/testing/backend-cases/close'
import { etcdUnderTest } from './etcd-under-test.ts'

closeCases(etcdUnderTest)
