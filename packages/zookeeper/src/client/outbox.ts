import { JuteWriter } from './jute-writer.ts'
import type { Runtime } from './runtime.ts'

// How many bytes may wait in the process for a slow connection before requests are held back.
const ENOUGH = 1 << 18
const READY = Promise.resolve()

/** Where what is sent goes to. */
export interface Wire {
  /** How many bytes wait for the network. */
  readonly backlog: number
  write(chunks: readonly Buffer[]): void
}

/** Who wants to know when something was sent. */
export interface SendListener {
  sent(now: number): void
}

/** What is on its way to the socket: all that is written during one turn of the event loop goes out in one piece. */
export class Outbox {
  readonly writer: JuteWriter
  /** How often what was written went out. */
  flushes = 0
  readonly #runtime: Runtime
  readonly #onSent: () => void
  #wire: Wire | undefined
  #listener: SendListener | undefined
  #isFlushing = false
  #sendingAt = 0
  readonly #flush = (): void => {
    this.#isFlushing = false
    this.flushes++
    const chunks = this.writer.take()
    if (this.#wire === undefined) return
    this.#wire.write(chunks)
    this.#onSent()
  }

  /** `onSent` is called when the socket has got what was written, and more may be. */
  constructor(runtime: Runtime, maxRequest: number, onSent: () => void) {
    this.#runtime = runtime
    this.writer = new JuteWriter(maxRequest)
    this.#onSent = onSent
  }

  /** Whether so much waits for the network that more would not get there sooner. */
  get isFull(): boolean {
    return this.writer.size + (this.#wire?.backlog ?? 0) > ENOUGH
  }

  attach(wire: Wire, listener: SendListener): void {
    this.#wire = wire
    this.#listener = listener
  }

  /** The connection is gone, and what was written with it. */
  detach(): void {
    this.#wire = undefined
    this.#listener = undefined
    this.writer.take()
  }

  /**
   * To be called after each frame. Says when this turn's sending began, which is not later than when the frame is
   * sent.
   *
   * @param isFirst - whether nothing is on its way
   */
  written(isFirst: boolean): number {
    if (!this.#isFlushing) {
      this.#isFlushing = true
      this.#sendingAt = this.#runtime.now()
      this.#listener?.sent(this.#sendingAt)
      // With nothing on its way there is nobody to wait for but who asks in the same breath, and a tick costs more than that.
      if (isFirst) void READY.then(this.#flush)
      else process.nextTick(this.#flush)
    }
    return this.#sendingAt
  }
}
