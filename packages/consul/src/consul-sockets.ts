import { connect as connectPlain, isIP } from 'node:net'
import type { Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import type { TLSSocket } from 'node:tls'
import type { TlsSource } from '@libkv/core/driver'

/** How long a connection is silent before the system asks the peer whether it is there, in milliseconds. */
const KEEP_ALIVE = 15_000

/** Opens sockets to one agent. TLS material is read again for each of them. */
export class SocketSource {
  readonly #host: string
  readonly #port: number
  readonly #tls: TlsSource | undefined

  /** @param address - `host:port`. */
  constructor(address: string, tls: TlsSource | undefined) {
    const colon = address.lastIndexOf(':')
    this.#host = address.slice(0, colon).replace(/^\[|\]$/g, '')
    this.#port = Number(address.slice(colon + 1))
    this.#tls = tls
  }

  /** @throws LibkvError when the TLS material cannot be used. */
  open(): Socket {
    const [host, port] = [this.#host, this.#port]
    const common = { host, port, noDelay: true, keepAlive: true, keepAliveInitialDelay: KEEP_ALIVE }
    if (this.#tls === undefined) return connectPlain(common)
    const { context, servername, rejectUnauthorized } = this.#tls.material()
    const socket = connectTls({
      ...common,
      secureContext: context,
      servername: servername ?? (isIP(host) === 0 ? host : ''),
      rejectUnauthorized,
    })
    attachCertificate(socket)
    return socket
  }

  /** Calls back with a socket that can be written to, or with why there is none. */
  connect(callback: (...outcome: [null, Socket] | [Error, null]) => void): void {
    try {
      const socket = this.open()
      const onError = (error: Error): void => {
        callback(error, null)
      }
      socket.once('error', onError)
      socket.once(this.#tls === undefined ? 'connect' : 'secureConnect', () => {
        socket.off('error', onError)
        // TLS 1.3 reports a refused client certificate after the handshake. undici would report the end that follows instead.
        socket.once('error', (error) => {
          socket.destroy(error)
        })
        callback(null, socket)
      })
    } catch (error) {
      callback(error as Error, null)
    }
  }
}

/**
 * Attaches the server's certificate to the error that refuses it, for the date in the message. The certificate can be read
 * in the event `secure`, before Node.js verifies it; a refused connection no longer has it. Where there is no such event,
 * the message has no date.
 */
function attachCertificate(socket: TLSSocket): void {
  socket.prependOnceListener('secure', () => {
    const cert = socket.getPeerCertificate(true)
    const attach = (error: Error): void => {
      if (!('cert' in error)) Object.assign(error, { cert })
    }
    socket.prependOnceListener('error', attach)
    socket.once('secureConnect', () => socket.off('error', attach))
  })
}
