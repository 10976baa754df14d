import { etcd } from '@libkv/etcd'
import { RequestCounter } from '@libkv/testing/servers'
import type { Servers } from '@libkv/testing/servers'
import type { BackendUnderTest } from '@libkv/testing/backend-cases/backend-under-test'
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
