import type { Call } from '@libkv/core'
import type { ZooKeeperClient } from './client/index.ts'

/** A sync on its way. */
export interface Sync {
  /** To be called when a read that was made after it has been answered. Throws what the sync failed with. */
  check(): void
  /** The position that the server had reached when it answered. */
  readonly zxid: bigint
}

/** With so many on their way, reads wait to share the next one: many at once would otherwise cost a sync each. */
const MOST = 4

/**
 * A read is linearizable if a sync goes before it, and one sync does for all reads that leave the process together: it is sent
 * after each of them was asked for.
 */
export class SharedSync {
  readonly #client: ZooKeeperClient
  #latest: PendingSync | undefined
  #underWay = 0
  #turn: Promise<void> | undefined
  #giveTurn: (() => void) | undefined

  constructor(client: ZooKeeperClient) {
    this.#client = client
  }

  /** What is to be awaited first by who is in no hurry, if anything. */
  get turn(): Promise<void> | undefined {
    if (this.#underWay < MOST || this.#isShared) return undefined
    return (this.#turn ??= new Promise((resolve) => {
      this.#giveTurn = resolve
    }))
  }

  /** The sync for reads that are made now, on the same client, before anything else is awaited. */
  begin(call: Call): Sync {
    if (this.#latest !== undefined && this.#isShared) return this.#latest
    this.#underWay++
    return (this.#latest = new PendingSync(this.#client, call, () => {
      this.#underWay--
      this.#turn = undefined
      this.#giveTurn?.()
    }))
  }

  /** Whether the latest one leaves the process together with what is asked for now. */
  get #isShared(): boolean {
    return this.#latest?.flushes === this.#client.flushes && !this.#latest.isSettled
  }
}

class PendingSync implements Sync {
  readonly flushes: number
  isSettled = false
  zxid = 0n
  #error: Error | undefined

  constructor(client: ZooKeeperClient, { deadline, connectDeadline }: Call, settled: () => void) {
    this.flushes = client.flushes
    const answered = (zxid: bigint): void => {
      this.zxid = zxid
    }
    const end = (error?: Error): void => {
      this.isSettled = true
      this.#error = error
      settled()
    }
    // Not the call itself, which may be settled before the others.
    client.sync('/', { deadline, connectDeadline, answered }).then(() => {
      end()
    }, end)
  }

  check(): void {
    if (this.#error !== undefined) throw this.#error
  }
}
