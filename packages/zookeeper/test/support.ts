import { zookeeper } from '@libkv/zookeeper'
import type { ZooKeeperOptions } from '@libkv/zookeeper'
import type { Store } from '@libkv/core'
import type { Servers } from '../../../tooling/servers/index.ts'

/** The `tickTime` of the servers that the tests start. */
export const TICK_TIME = 500

/** Options with which these servers let one in. */
export function accessTo(servers: Servers): ZooKeeperOptions {
  const { tls, credentials } = servers as Servers<'zookeeper'>
  const [username = '', password = ''] = credentials?.auth.split(':') ?? []
  return {
    tickTime: TICK_TIME,
    ...(tls && { tls: { ca: tls.ca, cert: tls.cert, key: tls.key } }),
    ...(credentials && { auth: { scheme: 'digest', username, password } }),
  }
}

/** A store on these servers. */
export function open(servers: Servers, options: ZooKeeperOptions = {}): Store {
  return zookeeper(servers.endpoints, { ...accessTo(servers), ...options })
}
