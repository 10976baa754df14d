import type { BackendUnderTest } from '@libkv/testing/backend-cases/backend-under-test'
import { selectedBackends } from '@libkv/testing/servers'
import { consulUnderTest } from '../../consul/test/consul-under-test.ts'
import { etcdUnderTest } from '../../etcd/test/etcd-under-test.ts'
import { zookeeperUnderTest } from '../../zookeeper/test/zookeeper-under-test.ts'

const all: readonly BackendUnderTest[] = [etcdUnderTest, consulUnderTest, zookeeperUnderTest]

/** The backends that are tested. */
export const targets: readonly BackendUnderTest[] = all.filter(({ backend }) =>
  selectedBackends().includes(backend),
)

/** The one that `npm test` runs the suite on. */
export const first: string | undefined = targets[0]?.backend
