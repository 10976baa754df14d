import type { Call } from '@libkv/core'
import type { ZooKeeperClient } from './client/index.ts'

/** A sync on its way. */
export interface Sync {
  /** To be called when a read that was made after it has been answered. Throws what the sync failed with. */
  check(): void
  /** The position that the server had reached when it answered. */
  readonly zxid: bigint
}

/**
 * A read is linearizable if a sync goes before it, and one sync does for all reads that leave the process together: it is sent
 * after each of them was asked for.
 */
export class SharedSync {
  readonly #client: ZooKeeperClient
  #latest: PendingSync | undefined

  constructor(client: ZooKeeperClient) {
    this.#client = client
  }

  /** The sync for reads that are made now, on the same client, before anything else is awaited. */
  begin(call: Call): Sync {
    const { flushes } = this.#client
    if (this.#latest?.flushes === flushes && !this.#latest.isSettled) return this.#latest
    return (this.#latest = new PendingSync(this.#client, flushes, call))
  }
}

class PendingSync implements Sync {
  readonly flushes: number
  isSettled = false
  zxid = 0n
  #error: Error | undefined

  constructor(client: ZooKeeperClient, flushes: number, { deadline, connectDeadline }: Call) {
    this.flushes = flushes
    const answered = (zxid: bigint): void => {
      this.zxid = zxid
    }
    // Not the call itself, which may be settled before the others.
    client.sync('/', { deadline, connectDeadline, answered }).then(
      () => {
        this.isSettled = true
      },
      (error: unknown) => {
        this.isSettled = true
        this.#error = error as Error
      },
    )
  }

  check(): void {
    if (this.#error !== undefined) throw this.#error
  }
}
