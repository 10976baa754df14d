import { LibkvError } from '@libkv/core'
import type { Call } from '@libkv/core/driver'
import { existingDatabase } from './databases.ts'

/**
 * Makes the embedded store of one name fail, so that a program can be tested where it hurts. It stands between all
 * stores of that name and their data, as a network would.
 *
 * @example
 * const faults = memoryFaults('orders')
 * faults.loseAnswers(1)
 * await assert.rejects(kv.put('a', '1'), { code: 'NOT_REACHABLE', ambiguous: true })
 */
export class MemoryFaults {
  /** How long each request takes on its way, in milliseconds. */
  delay = 0
  readonly #name: string
  readonly #reconnected = new Set<() => void>()
  readonly #disconnected = new Set<() => void>()
  #lost = 0
  #refused = 0
  #connected = true

  /** @internal Use {@link memoryFaults}. */
  constructor(name: string) {
    this.#name = name
  }

  /** The next `count` requests are carried out, and their answers lost: `NOT_REACHABLE`, ambiguous for writes. */
  loseAnswers(count = 1): void {
    this.#lost += count
  }

  /** The next `count` requests do not reach the store: `NOT_REACHABLE`, not ambiguous. */
  refuse(count = 1): void {
    this.#refused += count
  }

  /** Cuts the connection: requests fail, watches fall silent, sessions cannot be renewed; time to live goes on. */
  disconnect(): void {
    this.#connected = false
    for (const tell of [...this.#disconnected]) tell()
  }

  /** Heals the connection. Watches read again and go on. */
  reconnect(): void {
    this.#connected = true
    for (const tell of [...this.#reconnected]) tell()
  }

  get connected(): boolean {
    return this.#connected
  }

  /** Ends all sessions on the server's side, as an operator can, and says how many. */
  dropSessions(): number {
    const database = existingDatabase(this.#name)
    const leases = database?.leases ?? []
    for (const id of leases) database?.revoke(id)
    return leases.length
  }

  /** How many sessions the server has. */
  get sessions(): number {
    return existingDatabase(this.#name)?.leases.length ?? 0
  }

  /** No fault any more. */
  reset(): void {
    this.#lost = 0
    this.#refused = 0
    this.delay = 0
    this.reconnect()
  }

  /** @internal Carries a request to the store and its answer back, or fails to. */
  async carry<T>(call: Call, wait: (ms: number) => Promise<void>, serve: () => T): Promise<T> {
    if (this.delay > 0) await wait(this.delay)
    if (!this.#connected || this.#refused > 0 || call.settled) {
      if (this.#connected && !call.settled) this.#refused--
      throw new LibkvError('NOT_REACHABLE', 'disconnected by a fault', { retryable: true })
    }
    call.markSent()
    const answer = serve()
    if (this.#lost > 0) {
      this.#lost--
      throw new LibkvError('NOT_REACHABLE', 'the answer was lost by a fault', {
        retryable: true,
        ambiguous: true,
      })
    }
    return answer
  }

  /** @internal */
  onConnection(listeners: { lost: () => void; back: () => void }): () => void {
    this.#disconnected.add(listeners.lost)
    this.#reconnected.add(listeners.back)
    return () => {
      this.#disconnected.delete(listeners.lost)
      this.#reconnected.delete(listeners.back)
    }
  }
}
