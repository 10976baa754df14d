import { tlsCases } from '../../../tooling/backend-cases/tls.ts'
import { zookeeperUnderTest } from './zookeeper-under-test.ts'

tlsCases(zookeeperUnderTest)
