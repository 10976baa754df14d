import type { LookupFunction, Socket } from 'node:net'
import type { ConnectionOptions } from 'node:tls'
import { openSocket } from '@libkv/core/driver'
import { FrameReader } from './frame-reader.ts'
import type { Host } from './hosts.ts'
import type { JuteReader } from './jute-reader.ts'
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
  /** Whether the connection keeps the process alive. */
  readonly keepAlive: boolean
  readonly tls: ConnectionOptions | undefined
  readonly lookup: LookupFunction
  readonly maxFrame: number
  /** The reason for a failure of TLS, in plain words. */
  readonly tlsReason: ((error: unknown) => string | undefined) | undefined
}

/** How far a connection has come. `asking`: the session request was sent, and nothing has come. */
type Stage = 'dialling' | 'securing' | 'asking' | 'answered'

/** How many bytes are read from the socket at once. */
const READ_AT_ONCE = 1 << 16

/** What a socket reports when the other side breaks the connection. */
const BREAKS: readonly unknown[] = ['ECONNRESET', 'EPIPE']

/** One connection to one server: bytes out, frames in. */
export class Connection {
  readonly host: Host
  readonly #owner: ConnectionOwner
  readonly #settings: ConnectionSettings
  readonly #socket: Socket
  readonly #frames: FrameReader
  #keepAlive: boolean
  #stage: Stage = 'dialling'
  #lost = false
  #error: Error | undefined

  constructor(host: Host, settings: ConnectionSettings, owner: ConnectionOwner) {
    this.host = host
    this.#owner = owner
    this.#settings = settings
    this.#keepAlive = settings.keepAlive
    const { tls, lookup, maxFrame } = settings
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
    this.#socket = openSocket({
      host: host.host,
      port: host.port,
      tls,
      lookup,
      noDelay: true,
      onread,
    })
    this.#socket
      .once('connect', () => {
        // Where a name has several addresses, the socket's handle is another one now.
        this.#applyKeepAlive()
        if (tls === undefined) this.#connected()
        else this.#stage = 'securing'
      })
      .once('secureConnect', () => {
        this.#connected()
      })
      .on('drain', () => {
        if (!this.#lost) owner.onDrain()
      })
      .on('error', (error) => {
        this.#error = error
      })
      .on('close', () => {
        this.#lose(this.#reasonOf(this.#error), this.#error)
      })
    this.#applyKeepAlive()
  }

  /** How many bytes wait for the network. */
  get backlog(): number {
    return this.#socket.writableLength
  }

  /** Whether the connection keeps the process alive. */
  set keepAlive(keepAlive: boolean) {
    if (keepAlive === this.#keepAlive) return
    this.#keepAlive = keepAlive
    this.#applyKeepAlive()
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

  /** Breaks the connection because it has not led to a session within `ms` milliseconds. */
  giveUp(ms: number): void {
    this.#lose(`${MISSING[this.#stage]} within ${ms} ms`)
  }

  /** Ends the connection; `onLost` is not called. */
  close(): void {
    if (!this.#lost) this.#release()
  }

  #applyKeepAlive(): void {
    if (this.#keepAlive) this.#socket.ref()
    else this.#socket.unref()
  }

  #connected(): void {
    if (this.#lost) return
    this.#stage = 'asking'
    this.#owner.onConnected()
  }

  #receive(memory: Buffer, length: number): void {
    if (this.#lost) return
    this.#stage = 'answered'
    this.#owner.onReceived()
    try {
      this.#frames.push(memory, length)
    } catch (error) {
      if (!isZooKeeperError(error)) throw error
      this.#lose(error.message, error, error.code)
    }
  }

  #lose(why: string, cause?: Error, code: ZooKeeperError['code'] = 'CONNECTION_LOSS'): void {
    this.break(new ZooKeeperError(code, `${this.host.name}: ${why}`, { cause }))
  }

  #reasonOf(error: Error | undefined): string {
    const { tls, tlsReason } = this.#settings
    const reason = tls && tlsReason?.(error)
    if (reason !== undefined) return reason
    const code = (error as NodeJS.ErrnoException | undefined)?.code
    if (error !== undefined && !BREAKS.includes(code)) {
      // Where a name has several addresses, the message is empty.
      return error.message || String(code)
    }
    const broken = 'the server closed the connection'
    if (this.#stage === 'securing') {
      return `${broken} during the TLS handshake: if it does not speak TLS, remove tls or connect to its TLS port`
    }
    if (this.#stage !== 'asking') return error?.message ?? broken
    const maybe = tls === undefined ? 'require TLS (set tls)' : 'refuse the client certificate'
    return `${broken} when asked for a session: it may ${maybe}, have no quorum, or have reached its limit of connections (maxClientCnxns)`
  }

  #release(): void {
    this.#lost = true
    this.#frames.stop()
    this.#socket.destroy()
  }
}

/** What has not come yet, by stage. */
const MISSING: Readonly<Record<Stage, string>> = {
  dialling: 'no connection',
  securing: 'no TLS handshake',
  asking: 'no answer to the request for a session',
  answered: 'no session',
}
