import { unreachableCases } from '../../../tooling/backend-cases/unreachable.ts'
import { zookeeperUnderTest } from './zookeeper-under-test.ts'

// A cluster is three virtual machines: failover.heavy.ts.
unreachableCases(zookeeperUnderTest)
