import { bytesOf } from '@libkv/core'
import { onAbort, sharedController } from '@libkv/core/recipe'
import type { CallOptions, HeldLock, Store, Value } from '@libkv/core'
import { LockedStore } from './fenced-store.ts'
import type { FencedStore } from './fenced-store.ts'
import { encode } from './leader.ts'

/** The time for which a candidate leads. */
export interface Term {
  /** The candidate's id. */
  readonly id: string
  /**
   * The fencing token: strictly increasing over all leaders of this election, for ever. Hand it to whatever the leader acts
   * upon, and let that refuse tokens lower than the highest it has seen.
   */
  readonly token: bigint
  /**
   * Aborts when the term is over: with `LOCK_LOST` when the leadership was lost, `CLOSED` when it was given back, and with
   * the reason of the signal that `run()` was given when that fired. Reading this property looks at the clock.
   */
  readonly signal: AbortSignal
  /** Whether this candidate certainly leads. It looks at the clock. */
  isCurrent(): boolean
  /** Writes to the candidate's store that go through only during this term. */
  readonly fenced: FencedStore
  /**
   * Shows followers another value. The token stays.
   *
   * @throws LibkvError `LOCK_LOST` when the term is over.
   */
  update(value: Value, options?: CallOptions): Promise<void>
}

/** A term for as long as a lock is held, or until the work in it is told to end before the lock is given back. */
export class HeldTerm implements Term {
  readonly id: string
  readonly token: bigint
  readonly fenced: FencedStore
  readonly held: HeldLock
  readonly #backend: string
  readonly #controller = sharedController()

  constructor(store: Store, id: string, held: HeldLock) {
    this.id = id
    this.#backend = store.backend
    this.held = held
    this.token = held.token
    this.fenced = new LockedStore(store, held)
    const { signal } = held
    const end = (): void => {
      this.end(signal.reason)
    }
    onAbort(signal, end)
    if (signal.aborted) end()
  }

  get signal(): AbortSignal {
    this.isCurrent()
    return this.#controller.signal
  }

  isCurrent(): boolean {
    return this.held.isHeld() && !this.#controller.signal.aborted
  }

  async update(value: Value, options?: CallOptions): Promise<void> {
    await this.held.update(encode(this.id, bytesOf(value, this.held.key, this.#backend)), options)
  }

  end(reason: unknown): void {
    this.#controller.abort(reason)
  }
}
