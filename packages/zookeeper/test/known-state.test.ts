import { knownStateCases } from '@libkv/testing/backend-cases/known-state'
import { serverOptions } from '@libkv/testing/backend-cases/server-options'
import { ZooKeeperDriver } from '../src/zookeeper-driver.ts'
import { resolveZooKeeperOptions } from '../src/zookeeper-options.ts'

knownStateCases(
  'zookeeper',
  (addresses) =>
    new ZooKeeperDriver(resolveZooKeeperOptions({}, serverOptions('zookeeper', addresses))),
)
