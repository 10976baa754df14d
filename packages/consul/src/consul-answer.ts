/** What an agent answered. */
export interface WireAnswer {
  readonly status: number
  /** `X-Consul-Index`: 0 where there is none. */
  readonly index: number
  readonly body: Buffer
}

/** More than any server says before the body, in bytes. */
const MAX_HEAD = 64 * 1024
const EMPTY = Buffer.alloc(0)

type Part = 'head' | 'body' | 'rest' | 'chunk-size' | 'chunk' | 'chunk-end' | 'trailers'

/**
 * Reads HTTP/1.1 answers off one connection, one after the other, whatever pieces they come in
 * (https://www.rfc-editor.org/rfc/rfc9112). Of the headers it knows what matters here.
 */
export class AnswerReader {
  #part: Part = 'head'
  /** Bytes that are not enough to go on with. */
  #held: Buffer | undefined
  #pieces: Buffer[] = []
  /** How many bytes are to come: of the body, or of its current chunk. */
  #missing = 0
  #status = 0
  #index = 0
  /** Whether the connection can be used for another request after this answer. */
  isPersistent = true
  readonly #maxBody: () => number
  #size = 0

  /** @param maxBody - how many bytes the body of the answer that is awaited may have. */
  constructor(maxBody: () => number = () => Infinity) {
    this.#maxBody = maxBody
  }

  /**
   * Takes what has arrived, and returns the answer when it is complete.
   *
   * @throws Error if this is not HTTP, or the body too large.
   */
  read(arrived: Buffer): WireAnswer | undefined {
    let data = this.#held === undefined ? arrived : Buffer.concat([this.#held, arrived])
    this.#held = undefined
    for (;;) {
      switch (this.#part) {
        case 'head': {
          const end = data.indexOf('\r\n\r\n')
          if (end < 0) {
            this.#hold(data)
            return
          }
          this.#head(data.toString('latin1', 0, end + 2))
          data = data.subarray(end + 4)
          break
        }
        case 'chunk-size': {
          const end = data.indexOf('\r\n')
          if (end < 0) {
            this.#hold(data)
            return
          }
          const size = parseInt(data.toString('latin1', 0, end), 16)
          if (!(size >= 0)) throw new Error('a chunk of the answer has no size')
          this.#missing = size
          this.#part = size === 0 ? 'trailers' : 'chunk'
          data = data.subarray(end + 2)
          break
        }
        case 'chunk-end': {
          if (data.length < 2) {
            this.#hold(data)
            return
          }
          this.#part = 'chunk-size'
          data = data.subarray(2)
          break
        }
        case 'trailers': {
          const end = data.indexOf('\r\n')
          if (end < 0) {
            this.#hold(data)
            return
          }
          data = data.subarray(end + 2)
          if (end === 0) return this.#complete(data)
          break
        }
        case 'body':
        case 'chunk': {
          const piece = data.length > this.#missing ? data.subarray(0, this.#missing) : data
          this.#missing -= piece.length
          this.#take(piece)
          data = data.subarray(piece.length)
          if (this.#missing > 0) return undefined
          if (this.#part === 'body') return this.#complete(data)
          this.#part = 'chunk-end'
          break
        }
        case 'rest': {
          this.#take(data)
          return undefined
        }
      }
    }
  }

  /** The connection has ended: for an answer of unknown length that is the end of it. */
  end(): WireAnswer | undefined {
    return this.#part === 'rest' ? this.#complete(EMPTY) : undefined
  }

  #head(head: string): void {
    const [, minor, status] = /^HTTP\/1\.([01]) (\d{3})/.exec(head) ?? []
    if (status === undefined) throw new Error('the answer is not HTTP/1.1')
    this.#status = Number(status)
    // Something like 100 Continue: the answer itself follows.
    if (this.#status < 200) return
    this.#index = Number(/\r\nx-consul-index: *(\d+)/i.exec(head)?.[1] ?? 0)
    this.isPersistent = minor === '1' && !/\r\nconnection:[^\r]*close/i.test(head)
    this.#pieces = []
    this.#size = 0
    const length = /\r\ncontent-length: *(\d+)/i.exec(head)?.[1]
    this.#missing = 0
    if (/\r\ntransfer-encoding:[^\r]*chunked/i.test(head)) this.#part = 'chunk-size'
    else if (length !== undefined || this.#status === 204 || this.#status === 304) {
      this.#missing = Number(length ?? 0)
      this.#part = 'body'
    } else this.#part = 'rest'
  }

  #hold(data: Buffer): undefined {
    if (data.length > MAX_HEAD) throw new Error('the head of the answer has no end')
    this.#held = data
    return undefined
  }

  #take(piece: Buffer): void {
    this.#size += piece.length
    if (this.#size + this.#missing > this.#maxBody()) throw new BodyTooLarge()
    if (piece.length > 0) this.#pieces.push(piece)
  }

  /** @param left - what came after it, which nobody has asked for. */
  #complete(left: Buffer): WireAnswer {
    if (left.length > 0 || this.#part === 'rest') this.isPersistent = false
    const [first = EMPTY] = this.#pieces
    const body = this.#pieces.length > 1 ? Buffer.concat(this.#pieces) : first
    this.#pieces = []
    this.#part = 'head'
    return { status: this.#status, index: this.#index, body }
  }
}

/** An answer was given up in the middle, because there is more of it than its reader wants. */
export class BodyTooLarge extends Error {
  constructor() {
    super('the answer is too large')
  }
}
