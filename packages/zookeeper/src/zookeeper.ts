import type { BackendFactory } from '@libkv/core'
import { defineServerBackend } from '@libkv/core/driver'
import { ZooKeeperDriver } from './zookeeper-driver.ts'
import { resolveZooKeeperOptions, zookeeperRules } from './zookeeper-options.ts'
import type { ZooKeeperOptions } from './zookeeper-options.ts'

/**
 * Opens a store over ZooKeeper (tested with 3.8 and 3.9). It does no I/O.
 *
 * Addresses are the servers, `host:port` each; one that answers is enough.
 *
 * @throws TypeError for arguments of the wrong type. LibkvError `INVALID_OPTION`, `INVALID_KEY` for
 * the namespace.
 *
 * @example
 * await using kv = zookeeper(['10.0.0.1:2181', '10.0.0.2:2181', '10.0.0.3:2181'], {
 *   auth: { scheme: 'digest', username: 'app', password },
 *   namespace: 'app',
 * })
 */
export const zookeeper: BackendFactory<ZooKeeperOptions> = defineServerBackend<ZooKeeperOptions>({
  name: 'zookeeper',
  port: 2181,
  options: zookeeperRules,
  readUserinfo: (username, password) => ({ username, password }),
  driver: (options, common) => new ZooKeeperDriver(resolveZooKeeperOptions(options, common)),
})
