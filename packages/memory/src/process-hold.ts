import { MessageChannel } from 'node:worker_threads'

/**
 * Keeps the process alive until it is released, as the socket of another backend would. Not a timer: fake timers would count
 * it among those that a test is waiting for.
 */
export class ProcessHold {
  readonly #port = new MessageChannel().port1

  constructor() {
    this.#port.ref()
  }

  release(): void {
    this.#port.close()
  }
}
