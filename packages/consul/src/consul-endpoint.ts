import Consul from 'consul'
import { EventEmitter } from 'node:events'
import { Agent as HttpAgent, request as httpRequest } from 'node:http'
import type { ClientRequest, IncomingMessage } from 'node:http'
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https'
import { connect as connectPlain, isIP } from 'node:net'
import type { Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { LibkvError } from '@libkv/core'
import type { Call } from '@libkv/core'
import { errorOfConnection, errorOfLibrary } from './consul-errors.ts'
import type { ResolvedConsulOptions } from './consul-options.ts'

/** What is asked of an agent. */
export interface WireRequest {
  readonly method: 'GET' | 'PUT'
  /** Below `/v1/`, with its query. */
  readonly path: string
  readonly body?: string | Uint8Array | undefined
  /** A blocking query: it may stay unanswered for long, and does so on connections of its own. */
  readonly blocking?: boolean | undefined
}

export interface WireAnswer {
  readonly status: number
  /** `X-Consul-Index`: 0 where there is none. */
  readonly index: number
  readonly body: Buffer
}

/**
 * How many connections a store opens to an agent. The server resets what is over 200 from one address (its
 * `limits.http_max_conns_per_client`), so two busy stores fit; what exceeds the cap waits in line.
 */
const MAX_CALL_CONNECTIONS = 64
export const MAX_BLOCKING_CONNECTIONS = 32

/** A request that was given up after this long is a sign that the agent hangs, in milliseconds. */
const PATIENCE = 1_000

/**
 * One agent: its connections, and what npm `consul` knows of its API. Keys and transactions go by `node:http` directly, on
 * the same connections: the package makes strings of binary values, `undefined` of `false`, has no way to be given a
 * signal, and takes nearly twice the CPU time for it (57–65 µs a call instead of 34).
 */
export class ConsulEndpoint {
  readonly address: string
  /** It has answered, and nothing has failed since. Requests go to proven agents only. */
  proven = false
  /** Until when, on the monotonic clock, others are preferred: it answers, but has no leader. */
  avoidedUntil = 0
  /** When it last answered anything. */
  answeredAt = 0
  readonly #options: ResolvedConsulOptions
  readonly #host: string
  readonly #port: number
  readonly #calls: HttpAgent
  readonly #blocking: HttpAgent
  readonly #probes: HttpAgent
  readonly #library: Consul
  readonly #query: string
  readonly #headers: Readonly<Record<string, string>>
  readonly #request: typeof httpRequest
  /** The sockets that are connected, so that what they were given may have arrived. */
  readonly #connected = new WeakSet<object>()
  /** What is in flight, and since when. */
  readonly #flights = new Map<Flight, number>()
  #proof: Promise<void> | undefined

  constructor(address: string, options: ResolvedConsulOptions) {
    this.address = address
    this.#options = options
    const colon = address.lastIndexOf(':')
    this.#host = address.slice(0, colon).replace(/^\[|\]$/g, '')
    this.#port = Number(address.slice(colon + 1))
    this.#calls = this.#agent(MAX_CALL_CONNECTIONS)
    this.#blocking = this.#agent(MAX_BLOCKING_CONNECTIONS)
    this.#probes = this.#agent(1)
    this.#request = options.tls === undefined ? httpRequest : httpsRequest
    const { token, datacenter, consulNamespace, partition } = options
    this.#query = datacenter === undefined ? '' : `dc=${encodeURIComponent(datacenter)}`
    this.#headers = {
      host: address,
      ...(token !== undefined && { 'x-consul-token': token }),
      ...(consulNamespace !== undefined && { 'x-consul-namespace': consulNamespace }),
      ...(partition !== undefined && { 'x-consul-partition': partition }),
    }
    this.#library = new Consul({
      host: colon < 0 ? address : address.slice(0, colon),
      port: this.#port,
      secure: options.tls !== undefined,
      agent: this.#calls,
      headers: this.#headers,
      defaults: { ...(datacenter !== undefined && { dc: datacenter }) },
    } as ConstructorParameters<typeof Consul>[0])
  }

  /** One request, one answer, whatever its status. */
  request(request: WireRequest, call: Call): Promise<WireAnswer> {
    const agent = request.blocking === true ? this.#blocking : this.#calls
    return this.#send(request, agent, call)
  }

  /**
   * One call of npm `consul`.
   *
   * @param work - hands `ctx` on to the package, by which it can be told to give up.
   */
  async library<T>(
    call: Call,
    work: (consul: Consul, common: { ctx: EventEmitter }) => Promise<T>,
  ): Promise<T> {
    const ctx = new EventEmitter()
    const now = this.#options.runtime.now()
    const flight: Flight = { blocking: false, isRead: false, abandon: () => ctx.emit('cancel') }
    this.#flights.set(flight, now)
    call.onCancel(() => {
      this.#givenUp(now)
      ctx.emit('cancel')
    })
    call.markSent()
    try {
      const answer = await work(this.#library, { ctx })
      this.#answered()
      return answer
    } catch (error) {
      if ((error as { statusCode?: number }).statusCode !== undefined) this.#answered()
      else this.proven = false
      const { syscall } = error as { syscall?: string }
      throw errorOfLibrary(error, syscall !== 'connect' && syscall !== 'getaddrinfo')
    } finally {
      this.#flights.delete(flight)
    }
  }

  /** Resolves when the agent has answered a question of no consequence, on a connection of its own. */
  prove(timeout: number): Promise<void> {
    return (this.#proof ??= this.#prove(timeout).finally(() => {
      this.#proof = undefined
    }))
  }

  /** Since when, on the monotonic clock, the oldest call has been waiting. */
  get waitingSince(): number {
    for (const [{ blocking }, since] of this.#flights) if (!blocking) return since
    return Infinity
  }

  get requests(): number {
    return this.#flights.size
  }

  /** Gives up what is in flight: the agent does not answer. */
  abandon(): void {
    this.proven = false
    this.#abandon([...this.#flights.keys()])
  }

  /** Gives up the reads that have been waiting since before `time` for the servers behind the agent. */
  abandonReads(time: number): void {
    const slow = [...this.#flights].filter(([flight, since]) => flight.isRead && since < time)
    this.#abandon(slow.map(([flight]) => flight))
  }

  #abandon(flights: readonly Flight[]): void {
    for (const { abandon } of flights) {
      abandon(
        new LibkvError('TIMEOUT', `${this.address} does not answer`, {
          retryable: true,
          ambiguous: true,
        }),
      )
    }
  }

  close(): void {
    for (const agent of [this.#calls, this.#blocking, this.#probes]) agent.destroy()
  }

  async #prove(timeout: number): Promise<void> {
    const { runtime } = this.#options
    let giveUp: (() => void) | undefined
    const timer = runtime.setTimer(() => giveUp?.(), timeout)
    const call: Call = {
      deadline: Infinity,
      connectDeadline: Infinity,
      settled: false,
      markSent: () => undefined,
      onCancel: (callback) => {
        giveUp = callback
      },
    }
    try {
      // It needs no rights, and an agent answers it whether there is a leader or not.
      await this.#send({ method: 'GET', path: 'status/leader' }, this.#probes, call)
      this.proven = true
    } finally {
      timer.cancel()
    }
  }

  #send(
    { method, path, body, blocking = false }: WireRequest,
    agent: HttpAgent,
    call: Call,
  ): Promise<WireAnswer> {
    return new Promise((resolve, reject) => {
      if (call.settled) {
        reject(new LibkvError('CLOSED', 'nobody waits for the answer any more'))
        return
      }
      const now = this.#options.runtime.now()
      const separator = this.#query === '' ? '' : path.includes('?') ? '&' : '?'
      const request = this.#request({
        agent,
        host: this.#host,
        port: this.#port,
        method,
        path: `/v1/${path}${separator}${this.#query}`,
        headers: this.#headers,
      })
      const fail = (error: unknown): void => {
        if (!this.#flights.delete(flight)) return
        this.proven = false
        reject(errorOfConnection(error, method !== 'GET' && this.#isSent(request)))
      }
      const flight: Flight = {
        blocking,
        isRead: method === 'GET' && !blocking,
        abandon: (error) => {
          fail(error)
          request.destroy()
        },
      }
      this.#flights.set(flight, now)
      request.on('error', fail)
      request.on('response', (response) => {
        collect(response, fail, (whole) => {
          if (!this.#flights.delete(flight)) return
          this.#answered()
          resolve({
            status: response.statusCode ?? 0,
            index: Number(response.headers['x-consul-index'] ?? 0),
            body: whole,
          })
        })
      })
      call.onCancel(() => {
        if (!blocking) this.#givenUp(now)
        request.destroy(new Error('the call was given up'))
      })
      call.markSent()
      request.end(body)
    })
  }

  #answered(): void {
    this.answeredAt = this.#options.runtime.now()
  }

  /** Nothing has come for long: whether the agent is there at all is to be found out before the next call. */
  #givenUp(since: number): void {
    if (this.#options.runtime.now() - since > PATIENCE && this.answeredAt < since)
      this.proven = false
  }

  #isSent({ reusedSocket, socket }: ClientRequest): boolean {
    return reusedSocket || (socket !== null && this.#connected.has(socket))
  }

  /** Connections are kept, and TLS is read again for each new one. */
  #agent(maxSockets: number): HttpAgent {
    const { tls } = this.#options
    const [host, port] = [this.#host, this.#port]
    const settings = {
      keepAlive: true,
      maxSockets,
      maxFreeSockets: maxSockets,
      scheduling: 'lifo',
    } as const
    const agent = tls === undefined ? new HttpAgent(settings) : new HttpsAgent(settings)
    const connect = (): Socket => {
      if (tls === undefined) {
        const socket = connectPlain({ host, port, noDelay: true })
        socket.once('connect', () => this.#connected.add(socket))
        return socket
      }
      const { context, servername, rejectUnauthorized } = tls.material()
      const name = servername ?? (isIP(host) === 0 ? host : '')
      const socket = connectTls({
        host,
        port,
        secureContext: context,
        servername: name,
        rejectUnauthorized,
      })
      socket.once('secureConnect', () => this.#connected.add(socket))
      return socket
    }
    Object.assign(agent, { createConnection: connect })
    return agent
  }
}

interface Flight {
  readonly blocking: boolean
  /** A call that changes nothing and can be asked again elsewhere. */
  readonly isRead: boolean
  readonly abandon: (error: LibkvError) => void
}

function collect(
  response: IncomingMessage,
  fail: (error: unknown) => void,
  done: (body: Buffer) => void,
): void {
  let first: Buffer | undefined
  let rest: Buffer[] | undefined
  response.on('data', (chunk: Buffer) => {
    if (first === undefined) first = chunk
    else (rest ??= [first]).push(chunk)
  })
  response.on('end', () => {
    done(rest === undefined ? (first ?? Buffer.alloc(0)) : Buffer.concat(rest))
  })
  response.on('error', fail)
  response.on('aborted', () => {
    fail(new Error('the connection was lost in the middle of an answer'))
  })
}
