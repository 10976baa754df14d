import { conformanceOn } from '../../../../tooling/backend-cases/conformance-on.ts'
import { consulUnderTest, patientCluster } from '../consul-under-test.ts'

conformanceOn(consulUnderTest, { ...patientCluster, security: 'tls' })
