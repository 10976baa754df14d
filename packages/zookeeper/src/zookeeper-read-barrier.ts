import type { Call } from '@libkv/core/driver'
import { ZooKeeperError, isZooKeeperError } from './client/index.ts'
import type { Call as ClientCall, MultiOperation, ZooKeeperClient } from './client/index.ts'

/**
 * The request ahead of a read that makes the read linearizable.
 *
 * - `proposal`: a transaction that changes nothing. All servers agree on its position, and the read
 *   is answered after it.
 * - `sync`: ZooKeeper's own request for that purpose. It writes nothing to the servers' disks and
 *   is nearly always as good, but a leader answers it before it has applied writes that its
 *   followers have acknowledged, or when it has been deposed.
 */
export type ReadBarrier = 'proposal' | 'sync'

/** A barrier in flight. */
export interface PendingBarrier {
  /** Call when a read after the barrier has been answered. Throws the barrier's error. */
  check(): void
}

/** With that many in flight, reads wait to share the next barrier instead of sending one each. */
const MAX_IN_FLIGHT = 4

const NO_CHANGE: readonly MultiOperation[] = [{ type: 'check', path: '/' }]

/**
 * Sends one barrier for all reads that leave the process in the same flush, because it is sent
 * after each of these calls was made.
 */
export class SharedBarrier {
  readonly #client: ZooKeeperClient
  readonly #kind: ReadBarrier
  #latest: Pending | undefined
  #inFlight = 0
  #turn: Promise<void> | undefined
  #endTurn: (() => void) | undefined

  constructor(client: ZooKeeperClient, kind: ReadBarrier) {
    this.#client = client
    this.#kind = kind
  }

  /** If set, await it first, so that this read can share the next barrier. */
  get turn(): Promise<void> | undefined {
    if (this.#inFlight < MAX_IN_FLIGHT || this.#isShared) return undefined
    return (this.#turn ??= new Promise((resolve) => {
      this.#endTurn = resolve
    }))
  }

  /** The barrier for reads that are sent on the same client up to the next `await`. */
  begin(call: Call): PendingBarrier {
    if (this.#latest !== undefined && this.#isShared) return this.#latest
    this.#inFlight++
    const pending = new Pending(this.#client.flushes)
    this.#latest = pending
    const settled = (error?: unknown): void => {
      pending.settle(error === undefined ? undefined : failureOf(error))
      this.#inFlight--
      this.#turn = undefined
      this.#endTurn?.()
    }
    this.#send(call).then(() => {
      settled()
    }, settled)
    return pending
  }

  /** Whether the latest barrier leaves the process in the same flush as a read sent now. */
  get #isShared(): boolean {
    return this.#latest?.flushes === this.#client.flushes && !this.#latest.isSettled
  }

  #send({ deadline, connectDeadline }: Call): Promise<unknown> {
    // Not the call itself: it may be settled before others that share the barrier.
    const call: ClientCall = { deadline, connectDeadline }
    if (this.#kind === 'sync') return this.#client.sync('/', call)
    return this.#client.multi(NO_CHANGE, call)
  }
}

class Pending implements PendingBarrier {
  readonly flushes: number
  isSettled = false
  #error: Error | undefined

  constructor(flushes: number) {
    this.flushes = flushes
  }

  settle(error?: Error): void {
    this.isSettled = true
    this.#error = error
  }

  check(): void {
    if (this.#error !== undefined) throw this.#error
  }
}

function failureOf(error: unknown): Error | undefined {
  if (!isZooKeeperError(error)) return error as Error
  // A refused transaction, without permission for the root or without the chroot, has its position
  // as well.
  if (error.failedIndex !== undefined) return undefined
  const { code, message, cause } = error
  // A barrier writes nothing, so its loss is not ambiguous.
  return new ZooKeeperError(code, message, { operation: 'sync', cause })
}
