import type { Runtime, Timer } from './runtime.ts'

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
  #due = 0
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
  }

  stop(): void {
    this.#timer?.cancel()
  }

  #wait(): void {
    const nextPing = this.#sentAt + this.#timeout / 3
    this.#sleepUntil(Math.min(nextPing, this.#receivedAt + (this.#timeout * 2) / 3))
  }

  #sleepUntil(due: number): void {
    this.#due = due
    const wait = Math.max(1, due - this.#runtime.now())
    const look = (): void => {
      this.#look()
    }
    // The connection keeps the process alive, where anything is to.
    this.#timer = this.#runtime.setTimer(look, wait, false)
  }

  #look(): void {
    const now = this.#runtime.now()
    if (now - this.#sentAt >= this.#timeout / 3) {
      this.#sentAt = now
      this.#ping()
    }
    const grace = this.#timeout / 10
    if (now - this.#receivedAt < (this.#timeout * 2) / 3) this.#wait()
    // The event loop was busy: answers may wait in the socket, which is read after this.
    else if (now - this.#due > grace) this.#sleepUntil(now + grace)
    else this.#onSilence()
  }
}
