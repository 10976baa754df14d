import type { CallOptions } from '../contract/call-options.ts'
import { Pair } from '../contract/key-value-pair.ts'
import type { KVPair } from '../contract/key-value-pair.ts'
import type { Check, DriverSession, Write } from '../driver-kit/driver.ts'
import type { LockQueue } from './lock-queue.ts'

/** The lock's key as one contender creates it. The contender that creates it holds the lock. */
export class LockKey {
  readonly #queue: LockQueue
  readonly #creation: Write & { readonly type: 'put' }
  #mayBeOwn = false

  constructor(queue: LockQueue, value: Uint8Array, session: DriverSession) {
    this.#queue = queue
    this.#creation = { type: 'put', key: queue.lockKey, value, session }
  }

  /** Whether this contender has tried to create the key. It may exist even if no answer arrived. */
  get mayBeOwn(): boolean {
    return this.#mayBeOwn
  }

  /**
   * Creates the key in one commit with further conditions and writes, and deletes an ownerless one
   * first.
   *
   * @returns the pair that was created; `null` when one of the conditions failed.
   */
  async create(
    conditions: readonly Check[],
    writes: readonly Write[],
    options: CallOptions,
  ): Promise<KVPair | null> {
    const queue = this.#queue
    const { key, value } = this.#creation
    const isFree: Check = { key, expected: null }
    for (;;) {
      this.#mayBeOwn = true
      const outcome = await queue.commit(
        'lock',
        [...conditions, isFree],
        [this.#creation, ...writes],
        options,
      )
      if (outcome.committed) {
        const { revision } = outcome
        return new Pair({
          key: queue.key,
          value,
          revision,
          createRevision: revision,
          binding: 'lease',
        })
      }
      if (outcome.failed < conditions.length) return null
      // The key has no owner in the queue: a foreign write, a holder that lost its entry, or this
      // contender's own creation whose answer was lost.
      const ownerless = await queue.readLockKey(options)
      if (ownerless === null) continue
      const isUnchanged: Check = { key, expected: ownerless }
      await queue.commit('lock', [...conditions, isUnchanged], [{ type: 'delete', key }], options)
    }
  }
}
