import type { Runtime, Timer } from './runtime.ts'

// Long enough for the event loop to read what waits in the socket.
const SECOND_LOOK = 20

/**
 * Keeps a session alive that is idle, and notices when the server does not answer: a ping is sent when nothing was for a
 * third of the session timeout, and the connection given up when nothing came for two thirds (as in
 * org.apache.zookeeper.ClientCnxn), so that another server can take over while the session lasts.
 */
export class Heartbeat {
  readonly #runtime: Runtime
  readonly #timeout: number
  readonly #ping: () => void
  readonly #onSilence: () => void
  #sentAt: number
  #receivedAt: number
  /** The silence may be ours: the event loop was busy, and answers wait in the socket. */
  #suspects = false
  #timer: Timer | undefined

  /** @param timeout - the session timeout, in milliseconds */
  constructor(runtime: Runtime, timeout: number, ping: () => void, onSilence: () => void) {
    this.#runtime = runtime
    this.#timeout = timeout
    this.#ping = ping
    this.#onSilence = onSilence
    this.#sentAt = this.#receivedAt = runtime.now()
    this.#wait()
  }

  sent(now: number): void {
    this.#sentAt = now
  }

  received(now: number): void {
    this.#receivedAt = now
    this.#suspects = false
  }

  stop(): void {
    this.#timer?.cancel()
  }

  #wait(): void {
    const due = Math.min(
      this.#sentAt + this.#timeout / 3,
      this.#receivedAt + (this.#timeout * 2) / 3,
    )
    const wait = this.#suspects ? SECOND_LOOK : Math.max(1, due - this.#runtime.now())
    this.#timer = this.#runtime.setTimer(() => {
      this.#look()
    }, wait)
  }

  #look(): void {
    const now = this.#runtime.now()
    if (now - this.#receivedAt >= (this.#timeout * 2) / 3) {
      if (this.#suspects) {
        this.#onSilence()
        return
      }
      this.#suspects = true
    }
    if (now - this.#sentAt >= this.#timeout / 3) {
      this.#sentAt = now
      this.#ping()
    }
    this.#wait()
  }
}
