import { connect as connectTcp, isIP } from 'node:net'
import type { Socket, TcpNetConnectOpts } from 'node:net'
import { checkServerIdentity, connect as connectTls } from 'node:tls'
import type { ConnectionOptions, TLSSocket } from 'node:tls'

/** Where a socket connects to, and how. */
export interface SocketOptions extends TcpNetConnectOpts {
  readonly host: string
  /** The TLS options, without those of the socket; undefined for a connection without TLS. */
  readonly tls?: ConnectionOptions | undefined
}

/**
 * Opens a socket, with TLS or without. The name is resolved for each socket, and all of its addresses are tried. An error that
 * refuses the server's certificate has that certificate as `cert`, for the dates in a message.
 *
 * The server's name is the host, unless `tls.servername` is given: it is sent to the server (SNI) and expected in the certificate.
 * An IP address is expected in the certificate and never sent, as RFC 6066 requires.
 */
export function openSocket({ tls, ...address }: SocketOptions): Socket {
  if (tls === undefined) return connectTcp(address)
  const socket = connectTls({ ...tls, ...serverName(address.host, tls), ...address })
  attachCertificate(socket)
  return socket
}

function serverName(host: string, options: ConnectionOptions): ConnectionOptions {
  const name = (options.servername ?? host).replace(/\.$/, '')
  if (isIP(name) === 0) return { servername: name }
  return {
    servername: '',
    checkServerIdentity: (_host, certificate) =>
      (options.checkServerIdentity ?? checkServerIdentity)(name, certificate),
  }
}

/** Node.js attaches the certificate only where the host name is wrong. */
function attachCertificate(socket: TLSSocket): void {
  let cert: unknown
  socket
    // Before Node.js verifies the certificate: a refused connection no longer has it. Bun and Deno have no such event.
    .prependOnceListener('secure', () => {
      cert = socket.getPeerCertificate(true)
    })
    .once('secureConnect', () => {
      cert = undefined
    })
    .prependListener('error', (error) => {
      if (cert !== undefined && !('cert' in error)) {
        Object.defineProperty(error, 'cert', { value: cert })
      }
    })
}
