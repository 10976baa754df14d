import { foreignProtocol } from './foreign-protocol.ts'
import { JuteReader, malformed, viewOf } from './jute-reader.ts'

const NOTHING = Buffer.alloc(0)
const FIRST = 1 << 12

/**
 * Cuts what comes from the socket into frames: four bytes of length, and as many bytes. Frames that lie within one chunk are
 * read where they are; others are put together in memory that grows with what has come, not with what was announced.
 */
export class FrameReader {
  readonly #maxFrame: number
  readonly #onFrame: (frame: JuteReader) => void
  #stopped = false
  /** What was pushed last: a socket gives the same memory again and again. */
  #chunk: Buffer = NOTHING
  #view: DataView = viewOf(NOTHING)
  /** The beginning of a frame, with its length. */
  #partial = NOTHING
  #have = 0

  /** `onFrame` is to read the frame at once: its memory is used again. */
  constructor(maxFrame: number, onFrame: (frame: JuteReader) => void) {
    this.#maxFrame = maxFrame
    this.#onFrame = onFrame
  }

  /** No frame is reported from now on. */
  stop(): void {
    this.#stopped = true
    this.#partial = NOTHING
  }

  /**
   * Takes the first `length` bytes of the chunk, whose memory may be used again afterwards.
   *
   * @throws ZooKeeperError `PROTOCOL_ERROR`
   */
  push(chunk: Buffer, length: number = chunk.length): void {
    if (chunk !== this.#chunk) {
      this.#chunk = chunk
      this.#view = viewOf(chunk)
    }
    const view = this.#view
    let at = this.#have === 0 ? 0 : this.#complete(chunk, length)
    while (!this.#stopped && length - at >= 4) {
      const end = at + 4 + this.#checked(view.getInt32(at))
      if (end > length) break
      this.#onFrame(new JuteReader(chunk, view, at + 4, end))
      at = end
    }
    if (!this.#stopped && at < length) this.#keep(chunk, at, length)
  }

  /** Completes the frame that was begun, and says where the chunk goes on. */
  #complete(chunk: Buffer, length: number): number {
    let at = 0
    if (this.#have < 4) {
      at = Math.min(4 - this.#have, length)
      this.#keep(chunk, 0, at)
      if (this.#have < 4) return at
    }
    const size = 4 + this.#checked(this.#partial.readInt32BE(0))
    const end = Math.min(at + size - this.#have, length)
    this.#keep(chunk, at, end, size)
    if (this.#have === size) {
      const frame = this.#partial
      this.#partial = NOTHING
      this.#have = 0
      this.#onFrame(new JuteReader(frame, viewOf(frame), 4, size))
    }
    return end
  }

  /** Keeps a part of the chunk, of a frame of `size` bytes if that is known. */
  #keep(chunk: Buffer, start: number, end: number, size = Infinity): void {
    const have = this.#have + end - start
    if (have > this.#partial.length) {
      const larger = Buffer.allocUnsafeSlow(Math.min(size, Math.max(FIRST, 2 * have)))
      this.#partial.copy(larger, 0, 0, this.#have)
      this.#partial = larger
    }
    chunk.copy(this.#partial, this.#have, start, end)
    this.#have = have
  }

  #checked(length: number): number {
    if (length >= 0 && length <= this.#maxFrame) return length
    const frame = `a frame of ${length} bytes, and ${this.#maxFrame} are allowed`
    throw malformed(foreignProtocol(length) ?? frame)
  }
}
