import type { Call } from '@libkv/core/driver'
import { ZooKeeperError, isZooKeeperError } from './client/index.ts'
import type { Call as ClientCall, MultiOperation, ZooKeeperClient } from './client/index.ts'

/**
 * What goes ahead of a read, so that the read shows all that was acknowledged before.
 *
 * - `proposal`: a transaction that changes nothing. All servers agree on its place, and the read is answered behind it.
 * - `sync`: ZooKeeper's own request for that. It writes nothing to the servers' disks, and is nearly always as good; but a
 *   leader answers it before it has carried out what its followers have acknowledged already, and a leader that was deposed
 *   does not know.
 */
export type ReadBarrier = 'proposal' | 'sync'

/** A barrier on its way. */
export interface PendingBarrier {
  /** To be called when a read that was made after it has been answered. Throws what the barrier failed with. */
  check(): void
}

/** With so many on their way, reads wait to share the next one: many at once would otherwise cost a barrier each. */
const MOST = 4

const NO_CHANGE: readonly MultiOperation[] = [{ type: 'check', path: '/' }]

/**
 * A read is linearizable if a barrier goes before it, and one does for all reads that leave the process together: it is sent
 * after each of them was asked for.
 */
export class SharedBarrier {
  readonly #client: ZooKeeperClient
  readonly #kind: ReadBarrier
  #latest: Pending | undefined
  #underWay = 0
  #turn: Promise<void> | undefined
  #giveTurn: (() => void) | undefined

  constructor(client: ZooKeeperClient, kind: ReadBarrier) {
    this.#client = client
    this.#kind = kind
  }

  /** What is to be awaited first by who is in no hurry, if anything. */
  get turn(): Promise<void> | undefined {
    if (this.#underWay < MOST || this.#isShared) return undefined
    return (this.#turn ??= new Promise((resolve) => {
      this.#giveTurn = resolve
    }))
  }

  /** The barrier for reads that are made now, on the same client, before anything else is awaited. */
  begin(call: Call): PendingBarrier {
    if (this.#latest !== undefined && this.#isShared) return this.#latest
    this.#underWay++
    return (this.#latest = new Pending(this.#client.flushes, this.#send(call), () => {
      this.#underWay--
      this.#turn = undefined
      this.#giveTurn?.()
    }))
  }

  /** Whether the latest one leaves the process together with what is asked for now. */
  get #isShared(): boolean {
    return this.#latest?.flushes === this.#client.flushes && !this.#latest.isSettled
  }

  #send({ deadline, connectDeadline }: Call): Promise<unknown> {
    // Not the call itself, which may be settled before the others.
    const call: ClientCall = { deadline, connectDeadline }
    if (this.#kind === 'sync') return this.#client.sync('/', call)
    return this.#client.multi(NO_CHANGE, call)
  }
}

class Pending implements PendingBarrier {
  readonly flushes: number
  isSettled = false
  #error: Error | undefined

  constructor(flushes: number, passing: Promise<unknown>, settled: () => void) {
    this.flushes = flushes
    const end = (error: Error | undefined): void => {
      this.isSettled = true
      this.#error = error
      settled()
    }
    passing.then(
      () => {
        end(undefined)
      },
      (error: unknown) => {
        end(failureOf(error))
      },
    )
  }

  check(): void {
    if (this.#error !== undefined) throw this.#error
  }
}

function failureOf(error: unknown): Error | undefined {
  if (!isZooKeeperError(error)) return error as Error
  // Where the root may not be read, or the chroot is missing, the refusal has its place among the transactions, too.
  if (error.failedIndex !== undefined) return undefined
  const { code, message, cause } = error
  // Nothing was written that anybody could miss.
  return new ZooKeeperError(code, message, { operation: 'sync', cause })
}
