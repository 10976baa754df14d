import { connect as connectTcp } from 'node:net'
import type { LookupFunction, Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import type { ConnectionOptions } from 'node:tls'
import { FrameReader } from './frame-reader.ts'
import type { Host } from './hosts.ts'
import type { JuteReader } from './jute-reader.ts'
import { serverNameOptions } from './server-name.ts'
import { isZooKeeperError, ZooKeeperError } from './zookeeper-error.ts'

export interface ConnectionOwner {
  /** The connection is there, TLS included. */
  onConnected(): void
  /** Something came, if only a part of a frame. */
  onReceived(): void
  onFrame(frame: JuteReader): void
  /** It takes more bytes again. */
  onDrain(): void
  /** It is gone; nothing else is heard of it. */
  onLost(cause: ZooKeeperError): void
}

export interface ConnectionSettings {
  readonly tls: ConnectionOptions | undefined
  readonly lookup: LookupFunction
  readonly maxFrame: number
}

/** How many bytes are read from the socket at once. */
const READ_AT_ONCE = 1 << 16

/** One connection to one server: bytes out, frames in. */
export class Connection {
  readonly host: Host
  readonly #owner: ConnectionOwner
  readonly #socket: Socket
  readonly #frames: FrameReader
  #lost = false
  #error: Error | undefined

  constructor(host: Host, { tls, lookup, maxFrame }: ConnectionSettings, owner: ConnectionOwner) {
    this.host = host
    this.#owner = owner
    this.#frames = new FrameReader(maxFrame, (frame) => {
      owner.onFrame(frame)
    })
    const memory = Buffer.allocUnsafeSlow(READ_AT_ONCE)
    const onread = {
      buffer: memory,
      callback: (length: number) => {
        this.#receive(memory, length)
        return true
      },
    }
    const address = { host: host.host, port: host.port, lookup, noDelay: true, onread }
    this.#socket =
      tls === undefined
        ? connectTcp(address)
        : connectTls({ ...tls, ...serverNameOptions(host.host, tls), ...address })
    this.#socket
      .once(tls === undefined ? 'connect' : 'secureConnect', () => {
        if (!this.#lost) owner.onConnected()
      })
      .on('drain', () => {
        if (!this.#lost) owner.onDrain()
      })
      .on('error', (error) => {
        this.#error = error
      })
      .on('close', () => {
        this.#loseTo(this.#error)
      })
  }

  /** How many bytes wait for the network. */
  get backlog(): number {
    return this.#socket.writableLength
  }

  write(chunks: readonly Buffer[]): void {
    if (this.#lost) return
    if (chunks.length > 1) this.#socket.cork()
    for (const chunk of chunks) this.#socket.write(chunk)
    if (chunks.length > 1) this.#socket.uncork()
  }

  /** Breaks the connection, for a reason that `onLost` gets; not if it is lost already. */
  break(cause: ZooKeeperError): void {
    if (this.#lost) return
    this.#release()
    this.#owner.onLost(cause)
  }

  /** Ends the connection; `onLost` is not called. */
  close(): void {
    if (!this.#lost) this.#release()
  }

  #receive(memory: Buffer, length: number): void {
    if (this.#lost) return
    this.#owner.onReceived()
    try {
      this.#frames.push(memory, length)
    } catch (error) {
      if (!isZooKeeperError(error)) throw error
      this.break(error)
    }
  }

  #loseTo(error: Error | undefined): void {
    // Where a name has several addresses, the message is empty.
    const code = (error as NodeJS.ErrnoException | undefined)?.code
    const why = error === undefined ? 'closed the connection' : error.message || String(code)
    this.break(new ZooKeeperError('CONNECTION_LOSS', `${this.host.name}: ${why}`, { cause: error }))
  }

  #release(): void {
    this.#lost = true
    this.#frames.stop()
    this.#socket.destroy()
  }
}
