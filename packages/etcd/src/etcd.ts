import { defineServerBackend, text } from '@libkv/core/driver'
import type { BackendFactory } from '@libkv/core'
import { EtcdDriver } from './etcd-driver.ts'
import { resolveEtcdOptions } from './etcd-options.ts'
import type { EtcdOptions } from './etcd-options.ts'

/**
 * Opens a store over an etcd cluster (v3 API; tested with etcd 3.5). It does no I/O.
 *
 * Addresses are the members, `host:port` or `http(s)://host:port` each; one that answers is enough.
 *
 * @throws TypeError for arguments of the wrong type. LibkvError `INVALID_OPTION`, `INVALID_KEY` for the namespace.
 *
 * @example
 * await using kv = etcd(['https://10.0.0.1:2379', 'https://10.0.0.2:2379'], {
 *   tls: { caFile: '/etc/etcd/ca.pem', certFile: '/etc/etcd/client.pem', keyFile: '/etc/etcd/client.key' },
 *   namespace: 'app',
 * })
 */
export const etcd: BackendFactory<EtcdOptions> = defineServerBackend<EtcdOptions>({
  name: 'etcd',
  port: 2379,
  takesHttp: true,
  options: { username: text(), password: text() },
  readUserinfo: (username, password) => ({ username, password }),
  driver: (options, common) => new EtcdDriver(resolveEtcdOptions(options, common)),
})
