import { processLifetimeCases } from '@libkv/testing/backend-cases/process-lifetime'
import { etcdUnderTest } from './etcd-under-test.ts'

processLifetimeCases(etcdUnderTest)
