import { zookeeper } from '@libkv/zookeeper'
import type { BackendUnderTest } from '@libkv/testing/backend-cases/backend-under-test'
import type { Servers } from '@libkv/testing/servers'
import { ZooKeeperCounter } from '@libkv/testing/servers/zookeeper-counter'
import { zookeeperCapabilities } from '../src/zookeeper-driver.ts'

/** The `tickTime` of the test servers, in milliseconds. */
export const TICK_TIME = 500

/** How long the servers keep what a store under test has for itself, in milliseconds. */
export const SESSION_TIMEOUT = 4_000

/** ZooKeeper, as the cases that all backends share know it. */
export const zookeeperUnderTest: BackendUnderTest = {
  backend: 'zookeeper',
  capabilities: zookeeperCapabilities(TICK_TIME),
  openAt: (addresses, options) =>
    zookeeper(addresses, { tickTime: TICK_TIME, sessionTimeout: SESSION_TIMEOUT, ...options }),
  accessTo(servers) {
    const { tls, credentials } = servers as Servers<'zookeeper'>
    const [username = '', password = ''] = credentials?.auth.split(':') ?? []
    return {
      ...(tls && { tls: { ca: tls.ca, cert: tls.cert, key: tls.key } }),
      ...(credentials && { auth: { scheme: 'digest', username, password } }),
    }
  },
  steadyTtl: 10_000,
  countTo: (endpoint) => ZooKeeperCounter.to(endpoint),
  waitsForQuorum: false,
  isMuteWithoutQuorum: true,
}
