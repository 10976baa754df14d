import { connect as connectPlain, isIP } from 'node:net'
import type { Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import type { TlsSource } from '@libkv/core'

/** How long a connection is silent before the system asks the peer whether it is there, in milliseconds. */
const KEEP_ALIVE = 15_000

/** Where plain sockets read into, one after the other: Node would take 64 KiB of fresh memory for every read. */
const scratch = Buffer.allocUnsafeSlow(64 * 1024)

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

  /**
   * @param onReady - when it can be written to.
   * @param onData - gets what arrives, to keep. Without it the socket is a stream as usual.
   */
  open(onReady?: () => void, onData?: (data: Buffer) => void): Socket {
    const [host, port] = [this.#host, this.#port]
    const common = { host, port, noDelay: true, keepAlive: true, keepAliveInitialDelay: KEEP_ALIVE }
    if (this.#tls === undefined) {
      const onread = onData && {
        buffer: scratch,
        callback: (length: number) => {
          onData(Buffer.from(scratch.subarray(0, length)))
          return true
        },
      }
      const socket = connectPlain({ ...common, ...(onread && { onread }) })
      if (onReady !== undefined) socket.once('connect', onReady)
      return socket
    }
    const { context, servername, rejectUnauthorized } = this.#tls.material()
    const socket = connectTls({
      ...common,
      secureContext: context,
      servername: servername ?? (isIP(host) === 0 ? host : ''),
      rejectUnauthorized,
    })
    if (onReady !== undefined) socket.once('secureConnect', onReady)
    if (onData !== undefined) socket.on('data', onData)
    return socket
  }
}
