import { conformanceOn } from '@libkv/testing/backend-cases/conformance-on'
import { consulUnderTest } from '../consul-under-test.ts'

conformanceOn(consulUnderTest, { nodes: 1, security: 'auth' })
