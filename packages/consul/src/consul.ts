import { openStore } from '@libkv/core'
import type { Store } from '@libkv/core'
import { ConsulDriver } from './consul-driver.ts'
import { resolveConsulOptions } from './consul-options.ts'
import type { ConsulOptions } from './consul-options.ts'

/**
 * Opens a store over Consul's key/value store. It does no I/O.
 *
 * @param addresses - agents, `host:port` or `http(s)://host:port` each; one that answers is enough.
 * @throws LibkvError `INVALID_OPTION`, `INVALID_KEY` for the namespace.
 *
 * @example
 * await using kv = consul(['https://10.0.0.1:8501', 'https://10.0.0.2:8501'], {
 *   tls: { caFile: '/etc/consul/ca.pem', certFile: '/etc/consul/client.pem', keyFile: '/etc/consul/client.key' },
 *   token: process.env.CONSUL_HTTP_TOKEN,
 *   namespace: 'app',
 * })
 */
export function consul(addresses?: readonly string[], options: ConsulOptions = {}): Store {
  return openStore(new ConsulDriver(resolveConsulOptions(addresses, options)), options)
}
