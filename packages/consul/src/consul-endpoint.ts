import { LibkvError } from '@libkv/core'
import { BackgroundCall } from '@libkv/core/driver'
import type { Call, ConnectionContext } from '@libkv/core/driver'
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
 * `limits.http_max_conns_per_client`), so two busy stores fit; what exceeds the cap waits in line.
 */
const MAX_CALL_CONNECTIONS = 64
export const MAX_BLOCKING_CONNECTIONS = 32

/** A request that was given up after this long is a sign that the agent hangs, in milliseconds. */
const PATIENCE = 1_000

/** One agent: its connections, and whether it answers. */
export class ConsulEndpoint {
  readonly address: string
  /** It has answered, and nothing has failed since. Requests go to proven agents only. */
  proven = false
  /** Until when, on the monotonic clock, others are preferred: it answers, but has no leader. */
  avoidedUntil = 0
  /** The last failure to reach it, while it has not answered since. */
  failure: LibkvError | undefined
  /** When it last said which server leads. */
  provedAt = 0
  /** When it last answered anything. */
  #answeredAt = 0
  readonly #options: ResolvedConsulOptions
  readonly #sockets: SocketSource
  readonly #calls: ConnectionPool
  readonly #blocking: ConnectionPool
  readonly #probes: ConnectionPool
  readonly #query: string
  /** What is in flight, and since when. */
  readonly #flights = new Map<Flight, number>()
  #proof: Promise<void> | undefined
  /** Which server it last said to lead; empty: none. */
  #leader: string | undefined

  constructor(address: string, options: ResolvedConsulOptions) {
    this.address = address
    this.#options = options
    this.#sockets = new SocketSource(address, options.tls)
    const { token, datacenter, consulNamespace, partition } = options
    this.#query = datacenter === undefined ? '' : `dc=${encodeURIComponent(datacenter)}`
    const headers = {
      host: address,
      ...(token !== undefined && { 'x-consul-token': token }),
      ...(consulNamespace !== undefined && { 'x-consul-namespace': consulNamespace }),
      ...(partition !== undefined && { 'x-consul-partition': partition }),
    }
    const origin = `${options.tls === undefined ? 'http' : 'https'}://${address}`
    const flat = Object.entries(headers).flat()
    const pool = (limit: number): ConnectionPool =>
      new ConnectionPool(origin, flat, this.#sockets, limit)
    this.#calls = pool(MAX_CALL_CONNECTIONS)
    this.#blocking = pool(MAX_BLOCKING_CONNECTIONS)
    this.#probes = pool(1)
  }

  /** One request, one answer, whatever its status. */
  request(request: WireRequest, call: Call): Promise<WireAnswer> {
    const pool = request.blocking === true ? this.#blocking : this.#calls
    return this.#send(request, pool, call)
  }

  /** Resolves when the agent has answered a question of no consequence, on a connection of its own. */
  prove(timeout: number): Promise<void> {
    return (this.#proof ??= this.#prove(timeout).finally(() => {
      this.#proof = undefined
    }))
  }

  /** What the messages of errors say about the agent. */
  get context(): ConnectionContext {
    const { addresses, tls } = this.#options
    return {
      address: addresses.length > 1 ? this.address : undefined,
      unanswered: this.#answeredAt > 0 ? undefined : tls === undefined ? 'plain' : 'tls',
    }
  }

  /** Since when, on the monotonic clock, the oldest call has been waiting. */
  get waitingSince(): number {
    for (const [{ blocking }, since] of this.#flights) if (!blocking) return since
    return Infinity
  }

  get isUsed(): boolean {
    return this.#flights.size > 0
  }

  get hasBlockingQueries(): boolean {
    return [...this.#flights.keys()].some(({ blocking }) => blocking)
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

  /** What waits for changes waits at the leader, and would go on doing so where that hangs and another one has taken over. */
  #ledBy(leader: string): void {
    const isNews = this.#leader !== undefined && this.#leader !== leader
    this.#leader = leader
    this.provedAt = this.#options.runtime.now()
    if (isNews) this.#abandon([...this.#flights.keys()].filter(({ blocking }) => blocking))
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
    for (const pool of [this.#calls, this.#blocking, this.#probes]) pool.close()
  }

  async #prove(timeout: number): Promise<void> {
    const { runtime } = this.#options
    const call = new BackgroundCall({
      runtime,
      requestTimeout: timeout,
      connectionTimeout: timeout,
    })
    try {
      // It needs no rights, and an agent answers it whether there is a leader or not.
      const answer = await this.#send({ method: 'GET', path: 'status/leader' }, this.#probes, call)
      this.proven = true
      this.#ledBy(answer.body.toString())
    } finally {
      call.done()
    }
  }

  #send(request: WireRequest, pool: ConnectionPool, call: Call): Promise<WireAnswer> {
    return new Promise((resolve, reject) => {
      if (call.settled) {
        reject(new LibkvError('CLOSED', 'nobody waits for the answer any more'))
        return
      }
      const { method, path, body, blocking = false, maxBody } = request
      const now = this.#options.runtime.now()
      const exchange: Exchange = {
        method,
        path: this.#pathOf(path),
        body,
        maxBody,
        answered: (answer) => {
          this.#flights.delete(flight)
          this.#answered()
          resolve(answer)
        },
        failed: (error, sent) => {
          this.#flights.delete(flight)
          if (!(error instanceof BodyTooLarge)) this.proven = false
          const failure = errorOfConnection(error, method !== 'GET' && sent, this.context)
          if (!(error instanceof BodyTooLarge)) this.failure = failure
          reject(failure)
        },
      }
      const flight: Flight = {
        blocking,
        isRead: method === 'GET' && !blocking,
        abandon: (error) => {
          this.#flights.delete(flight)
          pool.drop(exchange)
          reject(error)
        },
      }
      this.#flights.set(flight, now)
      call.onCancel(() => {
        if (!this.#flights.delete(flight)) return
        // A blocking query is cancelled only when it should have been answered long ago.
        if (blocking) this.proven = false
        else this.#givenUp(now)
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

  #answered(): void {
    this.failure = undefined
    this.#answeredAt = this.#options.runtime.now()
  }

  /** Nothing has come for long: whether the agent is there at all is to be found out before the next call. */
  #givenUp(since: number): void {
    if (this.#options.runtime.now() - since > PATIENCE && this.#answeredAt < since)
      this.proven = false
  }
}

interface Flight {
  readonly blocking: boolean
  /** A call that changes nothing and can be asked again elsewhere. */
  readonly isRead: boolean
  readonly abandon: (error: LibkvError) => void
}
