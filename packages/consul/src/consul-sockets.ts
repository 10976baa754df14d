import type { Socket } from 'node:net'
import { openSocket, tlsOptions } from '@libkv/core/driver'
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
    return openSocket({
      host: this.#host,
      port: this.#port,
      noDelay: true,
      keepAlive: true,
      keepAliveInitialDelay: KEEP_ALIVE,
      tls: this.#tls && tlsOptions(this.#tls.material()),
    })
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
