import { Endpoint, throwIfSettled } from '@libkv/core/driver'
import type { Call, InFlightRequest } from '@libkv/core/driver'
import { BodyTooLarge, ConnectionPool } from './consul-connections.ts'
import type { Exchange, WireAnswer } from './consul-connections.ts'
import { errorOfConnection, errorOfSilence } from './consul-errors.ts'
import type { ResolvedConsulOptions } from './consul-options.ts'
import { SocketSource } from './consul-sockets.ts'

/** What is asked of an agent. */
export interface WireRequest {
  readonly method: 'GET' | 'PUT'
  /** Below `/v1/`, with its query. */
  readonly path: string
  readonly body?: string | Uint8Array | undefined
  /** A blocking query: it may stay unanswered for long, and does so on connections of its own. */
  readonly blocking?: boolean | undefined
  /** How many bytes of an answer are wanted at the most. */
  readonly maxBody?: number | undefined
}

/**
 * How many connections a store opens to an agent. The server resets what is over 200 from one address (its
 * `limits.http_max_conns_per_client`), so two busy stores fit; what exceeds the cap waits in a queue.
 */
const MAX_CALL_CONNECTIONS = 64
export const MAX_BLOCKING_CONNECTIONS = 32

/** A read that waits for longer than this shows that the servers behind the agent may not answer, in milliseconds. */
const SLOW = 2_000

/** One agent: its connections, and what it says about who leads. */
export class ConsulEndpoint extends Endpoint {
  readonly #connect: () => Connections
  #connections: Connections
  readonly #query: string
  /** Which server it last said to lead; empty: none. */
  #leader: string | undefined

  constructor(address: string, options: ResolvedConsulOptions) {
    const { runtime, connectionTimeout, addresses, tls } = options
    super(address, {
      runtime,
      connectionTimeout,
      isTls: tls !== undefined,
      isOnly: addresses.length === 1,
    })
    const { token, datacenter, consulNamespace, partition } = options
    this.#query = datacenter === undefined ? '' : `dc=${encodeURIComponent(datacenter)}`
    const headers = {
      host: address,
      ...(token !== undefined && { 'x-consul-token': token }),
      ...(consulNamespace !== undefined && { 'x-consul-namespace': consulNamespace }),
      ...(partition !== undefined && { 'x-consul-partition': partition }),
    }
    const origin = `${tls === undefined ? 'http' : 'https'}://${address}`
    const flat = Object.entries(headers).flat()
    const sockets = new SocketSource(address, tls)
    const pool = (limit: number): ConnectionPool => new ConnectionPool(origin, flat, sockets, limit)
    this.#connect = () => ({
      calls: pool(MAX_CALL_CONNECTIONS),
      blocking: pool(MAX_BLOCKING_CONNECTIONS),
      probes: pool(1),
    })
    this.#connections = this.#connect()
  }

  /** One request, one answer, whatever its status. */
  request(request: WireRequest, call: Call): Promise<WireAnswer> {
    const { blocking, calls } = this.#connections
    const pool = request.blocking === true ? blocking : calls
    return this.#send(request, pool, call)
  }

  override close(): void {
    this.#close('the store was closed')
  }

  /** Asks who leads: that needs no rights, and an agent answers it whether there is a leader or not. */
  protected override async reach(call: Call): Promise<void> {
    const { probes } = this.#connections
    const answer = await this.#send({ method: 'GET', path: 'status/leader' }, probes, call)
    const leader = answer.body.toString()
    const isNews = this.#leader !== undefined && this.#leader !== leader
    this.#leader = leader
    // What waits for changes waits at the leader, and would go on doing so where that hangs and another one has taken over.
    if (isNews) this.abandon(({ kind }) => kind === 'silent')
  }

  /** The agent answers for itself: reads that it leaves unanswered show that its servers do not. */
  protected override async serves(call: Call): Promise<boolean> {
    await this.reach(call)
    return this.runtime.now() - this.waitingSince <= SLOW
  }

  override abandonUnserved(): void {
    const late = this.runtime.now() - SLOW
    this.abandon(({ kind, since }) => kind === 'read' && since < late)
  }

  protected override disconnect(): void {
    this.#close('the server does not answer')
    this.#connections = this.#connect()
  }

  #close(reason: string): void {
    for (const pool of Object.values(this.#connections)) pool.close(reason)
  }

  #send(request: WireRequest, pool: ConnectionPool, call: Call): Promise<WireAnswer> {
    return new Promise((resolve, reject) => {
      throwIfSettled(call)
      const { method, path, body, blocking = false, maxBody } = request
      const exchange: Exchange = {
        method,
        path: this.#pathOf(path),
        body,
        maxBody,
        answered: (answer) => {
          this.ended(inFlight)
          this.answered()
          resolve(answer)
        },
        failed: (error, sent) => {
          this.ended(inFlight)
          const failure = errorOfConnection(error, method !== 'GET' && sent, this.context)
          if (!(error instanceof BodyTooLarge)) this.failed(failure)
          reject(failure)
        },
      }
      const inFlight: InFlightRequest = {
        since: this.runtime.now(),
        kind: blocking ? 'silent' : method === 'GET' ? 'read' : 'write',
        abandon: (error) => {
          pool.drop(exchange)
          reject(error)
        },
      }
      this.started(inFlight)
      call.onCancel(() => {
        if (!this.ended(inFlight)) return
        // A blocking query is cancelled only when it should have been answered long ago.
        if (blocking) this.doubt()
        else this.cancelled(inFlight)
        pool.drop(exchange)
        reject(errorOfSilence(method !== 'GET', this.context))
      })
      call.markSent()
      pool.send(exchange)
    })
  }

  #pathOf(path: string): string {
    if (this.#query === '') return `/v1/${path}`
    return `/v1/${path}${path.includes('?') ? '&' : '?'}${this.#query}`
  }
}

/** Connections to an agent, by what they are used for, so that probes and calls do not queue behind blocking queries. */
type Connections = Readonly<Record<'calls' | 'blocking' | 'probes', ConnectionPool>>
