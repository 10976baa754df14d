import { ZooKeeperError } from './zookeeper-error.ts'

/** Reads one frame of Jute, and nothing beyond its end: whatever does not fit is `PROTOCOL_ERROR`. */
export class JuteReader {
  readonly #bytes: Buffer
  readonly #view: DataView
  readonly #end: number
  #at: number

  /** @param view - of all of `bytes` */
  constructor(
    bytes: Buffer,
    view: DataView = viewOf(bytes),
    start = 0,
    end: number = bytes.length,
  ) {
    this.#bytes = bytes
    this.#view = view
    this.#at = start
    this.#end = end
  }

  get remaining(): number {
    return this.#end - this.#at
  }

  bool(): boolean {
    return this.#view.getUint8(this.#take(1)) !== 0
  }

  int(): number {
    return this.#view.getInt32(this.#take(4))
  }

  unsignedInt(): number {
    return this.#view.getUint32(this.#take(4))
  }

  long(): bigint {
    return this.#view.getBigInt64(this.#take(8))
  }

  /** A long that is a time, and fits into a number. */
  time(): number {
    const at = this.#take(8)
    return this.#view.getInt32(at) * 2 ** 32 + this.#view.getUint32(at + 4)
  }

  /** A string; null is read as empty. */
  string(): string {
    const length = this.#length(1)
    if (length <= 0) return ''
    const at = this.#take(length)
    return this.#bytes.toString('utf8', at, at + length)
  }

  /** A copy. */
  buffer(): Uint8Array | null {
    const length = this.#length(1)
    if (length < 0) return null
    const at = this.#take(length)
    // From Node's pool, as memory of its own would cost more than all the rest of a small value.
    const copy = Buffer.allocUnsafe(length)
    this.#bytes.copy(copy, 0, at, at + length)
    return copy
  }

  /** Reads a vector whose elements take `size` bytes at least, so that its length cannot promise more than there is. */
  vector<T>(size: number, read: (reader: this) => T): T[] {
    const length = this.#length(size)
    const values: T[] = []
    for (let i = 0; i < length; i++) values.push(read(this))
    return values
  }

  #length(size: number): number {
    const length = this.int()
    if (length < -1 || length * size > this.remaining) throw malformed(`a length of ${length}`)
    return length
  }

  #take(count: number): number {
    const at = this.#at
    if (count > this.#end - at) throw malformed('a frame that ends too early')
    this.#at = at + count
    return at
  }
}

export const viewOf = (bytes: Buffer): DataView =>
  new DataView(bytes.buffer, bytes.byteOffset, bytes.length)

/** The error for a server that does not speak the protocol. */
export const malformed = (what: string): ZooKeeperError =>
  new ZooKeeperError('PROTOCOL_ERROR', `the server sent ${what}`)
