import { knownStateCases } from '../../../tooling/backend-cases/known-state.ts'
import { serverOptions } from '../../../tooling/backend-cases/server-options.ts'
import { ZooKeeperDriver } from '../src/zookeeper-driver.ts'
import { resolveZooKeeperOptions } from '../src/zookeeper-options.ts'

knownStateCases(
  'zookeeper',
  (addresses) =>
    new ZooKeeperDriver(resolveZooKeeperOptions({}, serverOptions('zookeeper', addresses))),
)
