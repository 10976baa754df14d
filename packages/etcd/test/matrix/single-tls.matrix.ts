import { conformanceOn } from '@libkv/testing/backend-cases/conformance-on'
import { etcdUnderTest } from '../etcd-under-test.ts'

conformanceOn(etcdUnderTest, { nodes: 1, security: 'tls' })
