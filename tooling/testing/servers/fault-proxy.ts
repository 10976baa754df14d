import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import type { AddressInfo, Server, Socket } from 'node:net'

import { answersTo } from './answers.ts'
import type { AnswerDetector } from './answers.ts'
import { FaultLane } from './fault-lane.ts'
import { resetSocket } from './reset-socket.ts'

export interface FaultProxyStats {
  /** Connections since the start, refused ones not counted. */
  accepted: number
  /** Connections open now. */
  readonly open: number
  /** Those of them that their client has not closed. */
  readonly clients: number
  /** Bytes from clients, and from the server. */
  bytesUp: number
  bytesDown: number
}

interface Connection {
  readonly client: Socket
  readonly upstream: Socket
  readonly up: FaultLane
  readonly down: FaultLane
  answers?: AnswerDetector
}

type Mode = 'pass' | 'blackhole' | 'reject' | 'loseAnswers'

function hostAndPort(endpoint: string): { host: string; port: number } {
  const { hostname, port } = new URL(endpoint.includes('://') ? endpoint : `tcp://${endpoint}`)
  return { host: hostname, port: Number(port) }
}

/** A TCP proxy on 127.0.0.1 that can be told to misbehave. Its port stays the same through all of it. */
export class FaultProxy implements AsyncDisposable {
  /** Milliseconds by which bytes are late, in either direction. */
  delayMs = 0
  /** The most bytes of one write, so that messages arrive in pieces; 0 for as they come. */
  slice = 0
  /**
   * Sees what the server sends before it passes; what it answers overrides what {@link loseAnswers} would do. A number: so many
   * bytes of the chunk pass, and the connection ends.
   */
  onUpstreamData: ((chunk: Buffer) => 'forward' | 'lose' | number) | undefined
  readonly stats: FaultProxyStats

  #target: string
  #mode: Mode = 'pass'
  #port = 0
  #server: Server | undefined
  readonly #connections = new Set<Connection>()

  private constructor(target: string) {
    this.#target = target
    const connections = this.#connections
    this.stats = {
      accepted: 0,
      bytesUp: 0,
      bytesDown: 0,
      get open() {
        return connections.size
      },
      get clients() {
        const isOpen = ({ client }: Connection): boolean =>
          !client.readableEnded && !client.destroyed
        return [...connections].filter(isOpen).length
      },
    }
  }

  /** A proxy to `endpoint` (`http://host:port`, `https://host:port` or `host:port`) that lets all pass. */
  static async to(endpoint: string): Promise<FaultProxy> {
    const proxy = new FaultProxy(endpoint)
    await proxy.up()
    return proxy
  }

  /** What clients are to be given: like the target's endpoint, with the proxy's port. */
  get endpoint(): string {
    const scheme = /^\w+:\/\//.exec(this.#target)?.[0] ?? ''
    return `${scheme}127.0.0.1:${this.#port}`
  }

  /** Whether nothing may pass now. */
  get held(): boolean {
    return this.#mode === 'blackhole'
  }

  /** Lets all pass again, also what was held. */
  pass(): void {
    this.#switch('pass')
  }

  /** Resets the connections that are open; new ones pass. */
  cut(): void {
    for (const connection of this.#connections) reset(connection)
    this.#connections.clear()
  }

  /** Connections stay open and are accepted, and no byte moves. */
  blackhole(): void {
    this.#switch('blackhole')
  }

  /** Resets every connection, new ones too. */
  reject(): void {
    this.#switch('reject')
    this.cut()
  }

  /**
   * Passes requests on, and resets the connection instead of passing the answer: the request was carried out and the client
   * cannot know. Understands HTTP/2 and ZooKeeper enough not to take a ping for an answer; through TLS it cannot look, so that
   * only connections that were open before are of use.
   */
  loseAnswers(): void {
    this.#switch('loseAnswers')
  }

  /** Stops listening and resets what is open: new connections are refused. */
  async down(): Promise<void> {
    const server = this.#server
    this.#server = undefined
    this.cut()
    if (server) await new Promise((resolve) => server.close(resolve))
  }

  /** Listens again after {@link down}. */
  async up(): Promise<void> {
    if (this.#server) return
    const server = createServer({ allowHalfOpen: true, noDelay: true }, (client) =>
      this.#accept(client),
    )
    server.listen(this.#port, '127.0.0.1')
    await once(server, 'listening')
    this.#server = server
    this.#port = (server.address() as AddressInfo).port
  }

  /** Sends new connections to another endpoint. */
  retarget(endpoint: string): void {
    this.#target = endpoint
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.down()
  }

  #switch(mode: Mode): void {
    this.#mode = mode
    for (const { up, down } of this.#connections) {
      up.run()
      down.run()
    }
  }

  #accept(client: Socket): void {
    this.stats.accepted++
    if (this.#mode === 'reject') {
      client.on('error', () => {})
      resetSocket(client)
      return
    }
    const upstream = connect({ ...hostAndPort(this.#target), allowHalfOpen: true, noDelay: true })
    const connection: Connection = {
      client,
      upstream,
      up: new FaultLane(client, upstream, this),
      down: new FaultLane(upstream, client, this),
    }
    this.#connections.add(connection)
    client.on('data', (chunk: Buffer) => {
      this.stats.bytesUp += chunk.length
      connection.answers ??= answersTo(this.#target, chunk)
      connection.up.push(chunk)
    })
    upstream.on('data', (chunk: Buffer) => {
      this.stats.bytesDown += chunk.length
      this.#answer(connection, chunk)
    })
    client.on('end', () => connection.up.push('end'))
    upstream.on('end', () => connection.down.push('end'))
    for (const socket of [client, upstream]) {
      socket.on('error', () => this.#drop(connection))
      socket.on('close', () => {
        if (client.destroyed && upstream.destroyed) this.#connections.delete(connection)
      })
    }
    connection.up.run()
    connection.down.run()
  }

  #answer(connection: Connection, chunk: Buffer): void {
    const isAnswer = connection.answers?.(chunk) ?? false
    const usual = this.#mode === 'loseAnswers' && isAnswer ? 'lose' : 'forward'
    const verdict = this.onUpstreamData?.(chunk) ?? usual
    if (verdict === 'lose') {
      this.#drop(connection)
    } else if (verdict === 'forward') {
      connection.down.push(chunk)
    } else {
      connection.upstream.removeAllListeners('data')
      connection.down.push(chunk.subarray(0, verdict))
      setImmediate(() => this.#drop(connection))
    }
  }

  #drop(connection: Connection): void {
    this.#connections.delete(connection)
    reset(connection)
  }
}

function reset({ client, upstream }: Connection): void {
  resetSocket(client)
  resetSocket(upstream)
}
