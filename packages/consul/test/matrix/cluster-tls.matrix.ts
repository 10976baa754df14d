import { conformanceOn } from '@libkv/testing/backend-cases/conformance-on'
import { consulUnderTest, patientCluster } from '../consul-under-test.ts'

conformanceOn(consulUnderTest, { ...patientCluster, security: 'tls' })
