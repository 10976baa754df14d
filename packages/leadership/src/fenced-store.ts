import { LibkvError, check, isLibkvError, put, remove } from '@libkv/core'
import { checkOptions, writeRules, wrongType } from '@libkv/core/recipe'
import type {
  CallOptions,
  HeldLock,
  KVPair,
  Operation,
  Store,
  TransactionResult,
  Value,
  Version,
  WriteOptions,
} from '@libkv/core'

/**
 * The writes of a store, each on the condition that the term is not over, which the server examines in the same step: so a
 * leader that was frozen, or cut off, and does not know yet that another one leads, cannot overwrite what that one wrote.
 *
 * All of them reject with `LOCK_LOST` when the term is over, and with `NOT_SUPPORTED` where `capabilities.transactions` is
 * false. There is no `deleteTree`, for a tree cannot be deleted on a condition.
 */
export interface FencedStore {
  /** As {@link Store.put}. */
  put(key: string, value: Value, options?: WriteOptions): Promise<KVPair>
  /** As {@link Store.delete}, but it does not say whether there was something. */
  delete(key: string, options?: CallOptions): Promise<void>
  /** As {@link Store.atomicPut}. */
  atomicPut(
    key: string,
    value: Value,
    previous: Version | null,
    options?: WriteOptions,
  ): Promise<KVPair>
  /** As {@link Store.atomicDelete}. */
  atomicDelete(key: string, previous: Version, options?: CallOptions): Promise<void>
  /** As {@link Store.transaction}, with one operation less. */
  transaction(operations: readonly Operation[], options?: CallOptions): Promise<TransactionResult>
}

/** {@link FencedStore}, for as long as a lock is held. */
export class LockedStore implements FencedStore {
  readonly #store: Store
  readonly #held: HeldLock

  constructor(store: Store, held: HeldLock) {
    this.#store = store
    this.#held = held
  }

  async put(key: string, value: Value, options?: WriteOptions): Promise<KVPair> {
    const { results } = await this.transaction([put(key, value, options)], this.#call(options))
    return results[0] as KVPair
  }

  async delete(key: string, options?: CallOptions): Promise<void> {
    await this.transaction([remove(key)], options)
  }

  async atomicPut(
    key: string,
    value: Value,
    previous: Version | null,
    options?: WriteOptions,
  ): Promise<KVPair> {
    const operations = [check(key, previous), put(key, value, options)]
    const { results } = await this.#compared(operations, previous, this.#call(options))
    return results[1] as KVPair
  }

  async atomicDelete(key: string, previous: Version, options?: CallOptions): Promise<void> {
    await this.#compared([check(key, previous), remove(key)], previous, options)
  }

  async transaction(
    operations: readonly Operation[],
    options?: CallOptions,
  ): Promise<TransactionResult> {
    const { key, token } = this.#held
    const isArray: boolean = Array.isArray(operations)
    if (!isArray) throw wrongType('operations', 'an array', operations)
    if (operations.some((operation) => isSame(operation.key, key))) {
      throw this.#error('INVALID_OPTION', `'${key}' is the election's own: see update()`)
    }
    for (let mine = this.#held.pair; ;) {
      try {
        const outcome = await this.#store.transaction([check(key, mine), ...operations], options)
        return { revision: outcome.revision, results: outcome.results.slice(1) }
      } catch (error) {
        if (!isLibkvError(error, 'TRANSACTION_FAILED') || error.key !== key) throw error
        const shown = await this.#store.get(key, options)
        if (shown?.createRevision !== token) {
          throw this.#error('LOCK_LOST', `the term with token ${String(token)} is over`, error)
        }
        // Only its value was written anew, by update() or by a stranger.
        mine = shown
      }
    }
  }

  /** Of the options of a write, those of the call: the others are the operation's. */
  #call(options: WriteOptions | undefined): CallOptions | undefined {
    checkOptions(options, writeRules, { backend: this.#store.backend })
    return options && { signal: options.signal, timeout: options.timeout }
  }

  /** A transaction whose failure is told as that of compare-and-set. */
  async #compared(
    operations: readonly Operation[],
    previous: Version | null,
    options: CallOptions | undefined,
  ): Promise<TransactionResult> {
    try {
      return await this.transaction(operations, options)
    } catch (error) {
      if (!isLibkvError(error, 'TRANSACTION_FAILED')) throw error
      const { message, current, backend, key } = error
      const changed = current === null ? 'KEY_NOT_FOUND' : 'KEY_MODIFIED'
      throw new LibkvError(previous === null ? 'KEY_EXISTS' : changed, message, {
        ...{ backend, key, current },
        cause: error,
      })
    }
  }

  #error(code: 'INVALID_OPTION' | 'LOCK_LOST', message: string, cause?: unknown): LibkvError {
    return new LibkvError(code, message, {
      backend: this.#store.backend,
      key: this.#held.key,
      cause,
    })
  }
}

const isSame = (spelled: string, key: string): boolean => spelled.replace(/^\/|\/$/g, '') === key
