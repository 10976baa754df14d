import { once } from 'node:events'
import { createServer as createHttp1, request } from 'node:http'
import type { IncomingMessage, Server as Http1Server, ServerResponse } from 'node:http'
import { createServer as createHttp2 } from 'node:http2'
import type { Http2Server } from 'node:http2'
import { createServer } from 'node:net'
import type { AddressInfo, Server, Socket } from 'node:net'

import { GrpcForwarder } from './grpc-forwarder.ts'

/**
 * A proxy on 127.0.0.1 that counts the requests that pass through it to a plain `http://` endpoint. gRPC (HTTP/2) requests are
 * counted under their path, `/etcdserverpb.KV/Txn`; the messages that a client sends on a stream under the path and `#message`,
 * `/etcdserverpb.Watch/Watch#message`; HTTP/1 requests under method and path, `PUT /v1/txn`.
 */
export class RequestCounter implements AsyncDisposable {
  readonly counts: Map<string, number> = new Map()
  /** Requests of either protocol, but for probes; messages on streams are not requests. */
  total = 0

  readonly #probe: string | undefined
  readonly #target: string
  readonly #server: Server
  readonly #http1: Http1Server
  readonly #http2: Http2Server
  readonly #grpc: GrpcForwarder
  readonly #sockets = new Set<Socket>()
  readonly #toLose = new Set<string>()

  private constructor(target: string, probe: string | undefined) {
    this.#target = target
    this.#probe = probe
    this.#grpc = new GrpcForwarder(target, {
      onRequest: (path) => this.#count(path),
      onMessage: (path) => this.#add(`${path}#message`),
    })
    this.#http1 = createHttp1((incoming, outgoing) => this.#forward(incoming, outgoing))
    this.#http2 = createHttp2({ settings: { initialWindowSize: 1 << 20 } })
    this.#http2.on('session', (session) => this.#grpc.serve(session))
    this.#server = createServer({ noDelay: true }, (socket) => this.#accept(socket))
  }

  /** @param probe - the key of requests that depend on how busy the machine is, and are not part of the total. */
  static async to(endpoint: string, probe?: string): Promise<RequestCounter> {
    const counter = new RequestCounter(endpoint, probe)
    counter.#server.listen(0, '127.0.0.1')
    await once(counter.#server, 'listening')
    return counter
  }

  get endpoint(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  /** How often it saw `key`; 0 if never. */
  count(key: string): number {
    return this.counts.get(key) ?? 0
  }

  reset(): void {
    this.counts.clear()
    this.total = 0
  }

  /**
   * Loses the answer to the next request that is counted under `key`: the server carries it out, and the client sees its
   * connection close instead of the answer.
   */
  loseNextAnswer(key: string): void {
    if (key.startsWith('/')) this.#grpc.loseNextAnswer(key)
    else this.#toLose.add(key)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    await new Promise((resolve) => this.#server.close(resolve))
  }

  #add(key: string): void {
    this.counts.set(key, this.count(key) + 1)
  }

  #count(key: string): void {
    if (key !== this.#probe) this.total++
    this.#add(key)
  }

  /** Hands the connection to the server for its protocol, which its first bytes tell. */
  #accept(socket: Socket): void {
    this.#sockets.add(socket)
    socket.on('close', () => this.#sockets.delete(socket))
    socket.on('error', () => {})
    socket.once('readable', () => {
      const first = socket.read() as Buffer | null
      if (first === null) {
        socket.destroy()
        return
      }
      socket.unshift(first)
      const server = first.toString('latin1', 0, 3) === 'PRI' ? this.#http2 : this.#http1
      server.emit('connection', socket)
    })
  }

  #forward(incoming: IncomingMessage, outgoing: ServerResponse): void {
    const { method = 'GET', url = '/', headers } = incoming
    const { hostname, port, pathname } = new URL(url, this.#target)
    const key = `${method} ${pathname}`
    const loses = this.#toLose.delete(key)
    this.#count(key)
    const upstream = request(
      { hostname, port, method, path: url, headers, agent: false },
      (answer) => {
        if (loses) {
          incoming.socket.destroy()
          return
        }
        outgoing.writeHead(answer.statusCode ?? 502, answer.rawHeaders)
        answer.pipe(outgoing)
        answer.on('error', () => outgoing.destroy())
      },
    )
    upstream.on('error', () => outgoing.destroy())
    outgoing.on('close', () => upstream.destroy())
    incoming.pipe(upstream)
  }
}
