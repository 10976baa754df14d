import { isIP } from 'node:net'
import { checkServerIdentity } from 'node:tls'
import type { ConnectionOptions } from 'node:tls'

/**
 * The TLS options that name the server: the host dialled, unless `servername` is given. The name is sent to the server (SNI)
 * and expected in its certificate. An IP address is expected in the certificate and never sent, as RFC 6066 demands.
 */
export function serverNameOptions(host: string, options: ConnectionOptions): ConnectionOptions {
  const name = (options.servername ?? host).replace(/\.$/, '')
  if (isIP(name) === 0) return { servername: name }
  return {
    servername: '',
    checkServerIdentity: (_host, certificate) =>
      (options.checkServerIdentity ?? checkServerIdentity)(name, certificate),
  }
}
