import { Pool } from 'undici'
import type { Dispatcher } from 'undici'
import type { SocketSource } from './consul-sockets.ts'

/** What an agent answered. */
export interface WireAnswer {
  readonly status: number
  /** `X-Consul-Index`: 0 where there is none. */
  readonly index: number
  readonly body: Buffer
}

/** A request, and who waits for its answer. Exactly one of the two is called, once, unless the request is dropped. */
export interface Exchange {
  readonly method: 'GET' | 'PUT'
  readonly path: string
  readonly body: string | Uint8Array | undefined
  /** How many bytes the body of the answer may have. */
  readonly maxBody?: number | undefined
  answered(answer: WireAnswer): void
  /** @param sent - whether the request may have reached the server. */
  failed(error: Error, sent: boolean): void
}

/**
 * Connections to one agent, kept alive, one request at a time on each: the server resets what is over its limit, so what
 * is over ours waits in a queue. undici does that for half the CPU time of `node:http`.
 */
export class ConnectionPool {
  readonly #pool: Pool
  readonly #headers: readonly string[]
  readonly #underway = new Map<Exchange, AnswerHandler>()

  /**
   * @param origin - `http://host:port`, or with https.
   * @param headers - what all requests say about themselves: names and values in turn.
   */
  constructor(origin: string, headers: readonly string[], sockets: SocketSource, limit: number) {
    this.#headers = headers
    this.#pool = new Pool(origin, {
      connections: limit,
      pipelining: 1,
      // Deadlines are the caller's, and a blocking query is silent for long.
      headersTimeout: 0,
      bodyTimeout: 0,
      connect: (_, callback) => {
        sockets.connect(callback)
      },
    })
  }

  send(exchange: Exchange): void {
    const { method, path, body } = exchange
    const handler = new AnswerHandler(exchange, () => this.#underway.delete(exchange))
    this.#underway.set(exchange, handler)
    const headers = this.#headers as string[]
    this.#pool.dispatch({ method, path, body: body ?? null, headers }, handler)
  }

  /** Drops a request whose answer nobody wants any more; neither of its callbacks is called. */
  drop(exchange: Exchange): void {
    this.#underway.get(exchange)?.drop()
  }

  /** @param reason - what requests in flight fail with. */
  close(reason: string): void {
    void this.#pool.destroy(new Error(reason)).catch(() => undefined)
  }
}

/** Collects one answer. */
class AnswerHandler implements Dispatcher.DispatchHandler {
  readonly #exchange: Exchange
  readonly #over: () => void
  readonly #pieces: Buffer[] = []
  #controller: Dispatcher.DispatchController | undefined
  #status = 0
  #index = 0
  #size = 0
  #dropped = false

  constructor(exchange: Exchange, over: () => void) {
    this.#exchange = exchange
    this.#over = over
  }

  drop(): void {
    this.#dropped = true
    this.#over()
    this.#controller?.abort(new Error('the call was given up'))
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller
    if (this.#dropped) controller.abort(new Error('the call was given up'))
  }

  onResponseStart(
    _: Dispatcher.DispatchController,
    status: number,
    headers: Record<string, string | string[] | undefined>,
  ): void {
    this.#status = status
    this.#index = Number(headers['x-consul-index'] ?? 0)
  }

  onResponseData(controller: Dispatcher.DispatchController, piece: Buffer): void {
    this.#pieces.push(piece)
    this.#size += piece.length
    if (this.#size > (this.#exchange.maxBody ?? Infinity)) controller.abort(new BodyTooLarge())
  }

  onResponseEnd(): void {
    if (this.#dropped) return
    this.#over()
    const [first] = this.#pieces
    const body =
      this.#pieces.length === 1 && first !== undefined ? first : Buffer.concat(this.#pieces)
    this.#exchange.answered({ status: this.#status, index: this.#index, body })
  }

  onResponseError(_: Dispatcher.DispatchController, error: Error): void {
    if (this.#dropped) return
    this.#over()
    this.#exchange.failed(error, this.#controller !== undefined)
  }
}

/** An answer was given up in the middle, because there is more of it than its reader wants. */
export class BodyTooLarge extends Error {
  constructor() {
    super('the answer is too large')
  }
}
