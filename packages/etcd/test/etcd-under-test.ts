import { etcd } from '@libkv/etcd'
import { RequestCounter } from '../../../tooling/servers/index.ts'
import type { Servers } from '../../../tooling/servers/index.ts'
import type { BackendUnderTest } from '../../../tooling/backend-cases/backend-under-test.ts'
import { etcdCapabilities } from '../src/etcd-driver.ts'

/** etcd, as the cases that all backends share know it. */
export const etcdUnderTest: BackendUnderTest = {
  backend: 'etcd',
  capabilities: etcdCapabilities,
  openAt: etcd,
  accessTo(servers) {
    const { tls, credentials } = servers as Servers<'etcd'>
    const { username, password } = credentials ?? {}
    return {
      ...(tls && { tls: { ca: tls.ca, cert: tls.cert, key: tls.key } }),
      ...(credentials && { username, password }),
    }
  },
  steadyTtl: 10_000,
  countTo: (endpoint) => RequestCounter.to(endpoint),
  waitsForQuorum: true,
}
