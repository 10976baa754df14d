import type { Socket } from 'node:net'

/** What a {@link FaultProxy} asks of the bytes that pass through it. */
export interface LaneSettings {
  /** Milliseconds between the arrival of bytes and their departure. */
  readonly delayMs: number
  /** The most bytes of one write; 0 for as they come. */
  readonly slice: number
  /** Whether nothing may pass now. */
  readonly held: boolean
}

// More than this waiting in a lane stops the reading, as a full socket buffer would.
const enough = 1 << 20

/** One direction of a proxied connection: keeps the order of the bytes whatever delays and pauses they are given. */
export class FaultLane {
  readonly #from: Socket
  readonly #to: Socket
  readonly #settings: LaneSettings
  readonly #queue: { readonly chunk: Buffer | 'end'; readonly due: number }[] = []
  #waiting = 0
  #running = false

  constructor(from: Socket, to: Socket, settings: LaneSettings) {
    this.#from = from
    this.#to = to
    this.#settings = settings
  }

  push(chunk: Buffer | 'end'): void {
    this.#queue.push({ chunk, due: performance.now() + this.#settings.delayMs })
    this.#waiting += chunk.length
    this.run()
  }

  /** Goes on with what waits; call it after the settings have changed. */
  run(): void {
    if (this.#settings.held || this.#waiting > enough) this.#from.pause()
    else this.#from.resume()
    if (!this.#running) void this.#pass()
  }

  async #pass(): Promise<void> {
    this.#running = true
    for (;;) {
      const next = this.#queue[0]
      if (!next || this.#settings.held || this.#to.destroyed) break
      const wait = next.due - performance.now()
      if (wait > 0) {
        await new Promise((resolve) => setTimeout(resolve, wait))
        continue
      }
      this.#queue.shift()
      this.#waiting -= next.chunk.length
      if (next.chunk === 'end') this.#to.end()
      else await this.#write(next.chunk)
      if (this.#waiting <= enough && !this.#settings.held) this.#from.resume()
    }
    this.#running = false
  }

  async #write(chunk: Buffer): Promise<void> {
    const { slice } = this.#settings
    for (let at = 0; at < chunk.length && !this.#to.destroyed; at += slice) {
      const flushed = this.#to.write(slice > 0 ? chunk.subarray(at, at + slice) : chunk)
      if (!flushed) await drained(this.#to)
      if (slice === 0) return
      await new Promise((resolve) => setImmediate(resolve))
    }
  }
}

function drained(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      socket.off('drain', done).off('close', done)
      resolve()
    }
    socket.once('drain', done).once('close', done)
  })
}
