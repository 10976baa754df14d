import { ZooKeeperError } from './zookeeper-error.ts'

const SLAB = 1 << 16

/**
 * Writes frames in Jute, ZooKeeper's encoding: integers are big-endian; strings, buffers and vectors have their length before
 * them, -1 for null.
 *
 * Frames are written one behind the other into slabs of memory, each byte of which is used once, so that what was taken for
 * the socket needs no copy.
 */
export class JuteWriter {
  readonly #limit: number
  #slab: Buffer = Buffer.alloc(0)
  /** Where the frames begin that were not taken yet; where the frame being written begins; where it goes on. */
  #taken = 0
  #frame = 0
  #at = 0
  #chunks: Buffer[] = []
  #chunked = 0

  /** Frames are of `limit` bytes at most, their length not counted. */
  constructor(limit: number) {
    this.#limit = limit
  }

  beginFrame(): void {
    this.#reserve(4)
    this.#at += 4
  }

  endFrame(): void {
    this.#slab.writeInt32BE(this.#at - this.#frame - 4, this.#frame)
    this.#frame = this.#at
  }

  /** Forgets the frame being written. */
  dropFrame(): void {
    this.#at = this.#frame
  }

  /** Puts a frame behind the others that was written elsewhere. */
  append(frame: Buffer): void {
    this.#flushSlab()
    this.#push(frame)
  }

  /** All complete frames that were not taken yet. */
  take(): readonly Buffer[] {
    this.#flushSlab()
    const chunks = this.#chunks
    this.#chunks = []
    this.#chunked = 0
    return chunks
  }

  /** How many bytes of complete frames were not taken yet. */
  get size(): number {
    return this.#chunked + this.#frame - this.#taken
  }

  bool(value: boolean): void {
    this.#reserve(1)
    this.#slab[this.#at++] = value ? 1 : 0
  }

  int(value: number): void {
    this.#reserve(4)
    this.#at = this.#slab.writeInt32BE(value, this.#at)
  }

  long(value: bigint): void {
    this.#reserve(8)
    this.#at = this.#slab.writeBigInt64BE(value, this.#at)
  }

  string(value: string): void {
    // A UTF-16 unit takes three bytes at most.
    this.#reserve(4 + value.length, 4 + value.length * 3)
    const length = this.#slab.write(value, this.#at + 4)
    this.#slab.writeInt32BE(length, this.#at)
    this.#at += 4 + length
    this.#reserve(0)
  }

  buffer(value: Uint8Array | null): void {
    if (value === null) return this.int(-1)
    if (!ArrayBuffer.isView(value)) throw new TypeError('data must be a Uint8Array or null')
    this.#reserve(4 + value.length)
    this.#at = this.#slab.writeInt32BE(value.length, this.#at)
    this.#slab.set(value, this.#at)
    this.#at += value.length
  }

  vector<T>(values: readonly T[], write: (value: T) => void): void {
    this.int(values.length)
    for (const value of values) write(value)
  }

  /** Makes room for `most` bytes, of which `least` are sure to be written. */
  #reserve(least: number, most = least): void {
    const length = this.#at - this.#frame
    if (length + least - 4 > this.#limit) throw tooLarge(length + least - 4, this.#limit)
    if (this.#at + most <= this.#slab.length) return
    const begun = this.#slab.subarray(this.#frame, this.#at)
    this.#flushSlab()
    this.#slab = Buffer.allocUnsafeSlow(Math.max(SLAB, 2 * length + most))
    this.#slab.set(begun)
    this.#taken = this.#frame = 0
    this.#at = length
  }

  #flushSlab(): void {
    if (this.#taken === this.#frame) return
    this.#push(this.#slab.subarray(this.#taken, this.#frame))
    this.#taken = this.#frame
  }

  #push(chunk: Buffer): void {
    this.#chunks.push(chunk)
    this.#chunked += chunk.length
  }
}

const tooLarge = (length: number, limit: number): ZooKeeperError =>
  new ZooKeeperError('TOO_LARGE', `${length} bytes or more, and servers accept ${limit}`)
