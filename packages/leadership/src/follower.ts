import type { CallOptions, KVPair, Store } from '@libkv/core'
import { infoOf, leaderOf } from './leader.ts'
import type { CandidateInfo, Leader } from './leader.ts'

/**
 * Sees who leads. All methods of one follower together never show an older leader after a newer one.
 *
 * @example
 * for await (const leader of new Follower(kv, 'leader').watch()) connectTo(leader?.text())
 */
export class Follower {
  readonly #store: Store
  readonly #key: string
  /** The token of the newest leader that was shown. */
  #newest = 0n

  /** @throws LibkvError `INVALID_KEY`. */
  constructor(store: Store, key: string) {
    this.#store = store
    this.#key = store.newLock(key).key
  }

  /** Who leads now; `null` when nobody does. */
  async leader(options?: CallOptions): Promise<Leader | null> {
    return this.#show(await this.#store.get(this.#key, options)) ?? null
  }

  /** All who lead or wait, in the order of their turns: the first one leads, or is about to. */
  async candidates(options?: CallOptions): Promise<CandidateInfo[]> {
    const contenders = await this.#store.newLock(this.#key).contenders(options)
    return contenders.map(infoOf)
  }

  /**
   * Who leads now and from now on, with `null` for every vacancy that is observed; a leader that changes its value comes again,
   * with the same token. Leaders who were too short-lived may be left out, the last one never is. It survives all that
   * {@link Store.watch} survives, and ends as that does: by `break`, by `signal`, by closing the store, or by throwing what
   * cannot heal, such as `ACCESS_DENIED`. A `timeout` bounds the wait for the first state only.
   */
  watch(options?: CallOptions): AsyncIterable<Leader | null> {
    const pairs = this.#store.watch(this.#key, options)
    return { [Symbol.asyncIterator]: () => this.#leaders(pairs[Symbol.asyncIterator]()) }
  }

  #leaders(
    pairs: AsyncIterator<KVPair | null, unknown>,
  ): AsyncIterableIterator<Leader | null, undefined> {
    const next = async (): Promise<IteratorResult<Leader | null, undefined>> => {
      for (;;) {
        const { done, value } = await pairs.next()
        if (done === true) return { done, value: undefined }
        const leader = this.#show(value)
        if (leader !== undefined) return { done: false, value: leader }
      }
    }
    return {
      [Symbol.asyncIterator]() {
        return this
      },
      next,
      return: async () => {
        await pairs.return?.()
        return { done: true, value: undefined }
      },
    }
  }

  /** What is to be shown; undefined when a newer leader was shown already. */
  #show(pair: KVPair | null): Leader | null | undefined {
    if (pair === null) return null
    if (pair.createRevision < this.#newest) return undefined
    this.#newest = pair.createRevision
    return leaderOf(pair)
  }
}
