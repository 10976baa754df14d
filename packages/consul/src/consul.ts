import { LibkvError } from '@libkv/core'
import { defineServerBackend } from '@libkv/core/driver'
import type { BackendFactory } from '@libkv/core'
import { ConsulDriver } from './consul-driver.ts'
import { consulRules, resolveConsulOptions } from './consul-options.ts'
import type { ConsulOptions } from './consul-options.ts'

/**
 * Opens a store over Consul's key/value store. It does no I/O.
 *
 * Addresses are agents, `host:port` or `http(s)://host:port` each; one that answers is enough. In a URL the user is the
 * token: `consul://TOKEN@host:8500`.
 *
 * @throws TypeError for arguments of the wrong type. LibkvError `INVALID_OPTION`, `INVALID_KEY` for the namespace.
 *
 * @example
 * await using kv = consul(['https://10.0.0.1:8501', 'https://10.0.0.2:8501'], {
 *   tls: { caFile: '/etc/consul/ca.pem', certFile: '/etc/consul/client.pem', keyFile: '/etc/consul/client.key' },
 *   token: process.env.CONSUL_HTTP_TOKEN,
 *   namespace: 'app',
 * })
 */
export const consul: BackendFactory<ConsulOptions> = defineServerBackend<ConsulOptions>({
  name: 'consul',
  port: 8500,
  takesHttp: true,
  options: consulRules,
  readUserinfo,
  driver: (options, common) => new ConsulDriver(resolveConsulOptions(options, common)),
})

/** The token is written where other URLs have a user, or where they have a password. */
function readUserinfo(user: string, password: string | undefined): Partial<ConsulOptions> {
  if (user !== '' && password !== undefined && password !== '') {
    const message =
      'the store URL cannot be read: Consul has no user and password; write the token, as in consul://TOKEN@host'
    throw new LibkvError('INVALID_OPTION', message, { backend: 'consul' })
  }
  return { token: user === '' ? password : user }
}
