import { openStore } from '@libkv/core'
import type { Store } from '@libkv/core'
import { ZooKeeperDriver } from './zookeeper-driver.ts'
import { resolveZooKeeperOptions } from './zookeeper-options.ts'
import type { ZooKeeperOptions } from './zookeeper-options.ts'

/**
 * Opens a store over ZooKeeper (tested with 3.8 and 3.9). It does no I/O.
 *
 * @param addresses - the servers, `host:port` each; one that answers is enough.
 * @throws LibkvError `INVALID_OPTION`, `INVALID_KEY` for the namespace.
 *
 * @example
 * await using kv = zookeeper(['10.0.0.1:2181', '10.0.0.2:2181', '10.0.0.3:2181'], {
 *   auth: { scheme: 'digest', username: 'app', password },
 *   namespace: 'app',
 * })
 */
export function zookeeper(addresses?: readonly string[], options: ZooKeeperOptions = {}): Store {
  return openStore(new ZooKeeperDriver(resolveZooKeeperOptions(addresses, options)), options)
}
