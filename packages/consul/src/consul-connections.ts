import type { Socket } from 'node:net'
import { AnswerReader } from './consul-answer.ts'
import type { WireAnswer } from './consul-answer.ts'
import type { SocketSource } from './consul-sockets.ts'

/** A request in HTTP/1.1's words, and who waits for its answer. Exactly one of the two is called, once. */
export interface Exchange {
  readonly head: string
  readonly body: string | Uint8Array
  /** How many bytes the body of the answer may have. */
  readonly maxBody?: number | undefined
  answered(answer: WireAnswer): void
  /** @param sent - whether the request may have reached the server. */
  failed(error: unknown, sent: boolean): void
}

/**
 * Connections to one server, kept alive, one request at a time on each: the server resets what is over its limit, so what
 * is over ours waits in line. `node:http` does the same for more than twice the CPU time.
 */
export class ConnectionPool {
  readonly #sockets: SocketSource
  readonly #limit: number
  /** The one that was used last goes first, so that the others grow old. */
  readonly #idle: Connection[] = []
  readonly #connections = new Set<Connection>()
  readonly #waiting = new Set<Exchange>()
  #closed = false

  constructor(sockets: SocketSource, limit: number) {
    this.#sockets = sockets
    this.#limit = limit
  }

  send(exchange: Exchange): void {
    const connection = this.#idle.pop()
    if (connection !== undefined) connection.send(exchange)
    else if (this.#closed) exchange.failed(closed(), false)
    else if (this.#connections.size < this.#limit) this.#open(exchange)
    else this.#waiting.add(exchange)
  }

  /** Drops a request whose answer nobody wants any more; neither of its callbacks is called. */
  drop(exchange: Exchange): void {
    if (this.#waiting.delete(exchange)) return
    for (const connection of this.#connections) {
      if (connection.exchange === exchange) connection.abandon()
    }
  }

  close(): void {
    this.#closed = true
    for (const exchange of this.#waiting) exchange.failed(closed(), false)
    this.#waiting.clear()
    for (const connection of this.#connections) connection.close()
  }

  #open(exchange: Exchange): void {
    const connection = new Connection({
      free: () => {
        const next = this.#next()
        if (next !== undefined) connection.send(next)
        else this.#idle.push(connection)
        return next !== undefined
      },
      lost: () => {
        this.#connections.delete(connection)
        const place = this.#idle.indexOf(connection)
        if (place >= 0) this.#idle.splice(place, 1)
        const next = this.#next()
        if (next !== undefined) this.send(next)
      },
    })
    try {
      connection.open(this.#sockets)
    } catch (error) {
      exchange.failed(error, false)
      return
    }
    this.#connections.add(connection)
    connection.send(exchange)
  }

  #next(): Exchange | undefined {
    for (const exchange of this.#waiting) {
      this.#waiting.delete(exchange)
      return exchange
    }
    return undefined
  }
}

interface Owner {
  /** Whether there was something else to send. */
  readonly free: () => boolean
  readonly lost: () => void
}

class Connection {
  exchange: Exchange | undefined
  readonly #owner: Owner
  readonly #reader = new AnswerReader(() => this.exchange?.maxBody ?? Infinity)
  #socket: Socket | undefined
  #connected = false
  #resting = false
  #lost = false

  constructor(owner: Owner) {
    this.#owner = owner
  }

  /** @throws LibkvError when the TLS material cannot be used. */
  open(sockets: SocketSource): void {
    const onReady = (): void => {
      this.#connected = true
    }
    const socket = sockets.open(onReady, (data) => {
      this.#read(data)
    })
    this.#socket = socket
    socket.on('end', () => {
      const answer = this.#reader.end()
      if (answer === undefined) this.#fail(new Error('the server has ended the connection'))
      else this.#complete(answer)
    })
    socket.on('error', (error) => {
      this.#fail(error)
    })
    socket.on('close', () => {
      this.#fail(new Error('the connection was closed'))
    })
  }

  send(exchange: Exchange): void {
    this.exchange = exchange
    if (this.#resting) this.#socket?.ref()
    this.#resting = false
    const { head, body } = exchange
    if (typeof body === 'string') {
      this.#socket?.write(head + body)
      return
    }
    this.#socket?.cork()
    this.#socket?.write(head)
    this.#socket?.write(body)
    this.#socket?.uncork()
  }

  /** Nobody waits any more; the server may still be at it, so the connection is of no use. */
  abandon(): void {
    this.exchange = undefined
    this.close()
  }

  close(): void {
    this.#fail(closed())
  }

  #read(data: Buffer): void {
    if (this.#lost) return
    if (this.exchange === undefined) {
      this.#fail(new Error('an answer came that nobody has asked for'))
      return
    }
    try {
      const answer = this.#reader.read(data)
      if (answer !== undefined) this.#complete(answer)
    } catch (error) {
      this.#fail(error)
    }
  }

  #complete(answer: WireAnswer): void {
    const { exchange } = this
    this.exchange = undefined
    if (!this.#reader.isPersistent) this.#fail(undefined)
    else if (!this.#owner.free()) {
      // Only what is asked holds the process.
      this.#socket?.unref()
      this.#resting = true
    }
    exchange?.answered(answer)
  }

  #fail(error: unknown): void {
    if (this.#lost) return
    this.#lost = true
    const { exchange } = this
    this.exchange = undefined
    this.#socket?.destroy()
    this.#owner.lost()
    exchange?.failed(error, this.#connected)
  }
}

const closed = (): Error => new Error('the store was closed')
