import { LinkedAbortController, sleep } from '../calls/abort.ts'
import { backoff } from '../calls/backoff.ts'
import type { CallOptions } from '../contract/call-options.ts'
import { LibkvError, isLibkvError } from '../contract/errors.ts'
import type { KVPair } from '../contract/key-value-pair.ts'
import type { Check, Entry, Write } from '../driver-kit/driver.ts'
import type { ClientSession } from '../sessions/client-session.ts'
import type { LockContext } from './lock-context.ts'
import { LockKey } from './lock-key.ts'
import type { LockQueue } from './lock-queue.ts'
import { QueueEntry } from './queue-entry.ts'
import type { ResolvedLockOptions } from './resolved-lock-options.ts'
import { waitForDeparture } from './wait-for-departure.ts'

/** The position is unknown: the whole queue has to be read. */
interface Unread {
  readonly name: 'unread'
}

/** Other contenders precede this one in the queue. */
interface Waiting {
  readonly name: 'waiting'
  /** In the order of the queue, as last read. */
  readonly predecessors: readonly Entry[]
  /** The last of the predecessors. This contender watches it alone. */
  readonly predecessor: Entry
}

/** No other contender precedes this one in the queue. */
interface First {
  readonly name: 'first'
  /** The successor key, as last read. Acquiring the lock requires that it is unchanged. */
  readonly successorEntry: Entry | null
}

/** This contender has created the lock's key. */
interface Acquired {
  readonly name: 'acquired'
  readonly pair: KVPair
}

/**
 * One attempt of a contender to acquire a lock, from joining the queue to holding the lock or
 * leaving the queue. Its states and their transitions:
 *
 * - `unread`, the initial state. Reading the queue leads to `waiting` or `first`.
 * - `waiting`. Once the predecessor's entry is deleted, listing the keys of the queue leads to
 *   `waiting` or `first`. If the entry is rewritten instead, the state is `unread`.
 * - `first`. Creating the lock's key leads to `acquired`. If a condition fails, the state is
 *   `unread`.
 * - `acquired`, the final state.
 *
 * A failed request leaves the state unchanged; the retry lists the keys and updates it. An entry
 * that is no longer in the queue ends the attempt with `SESSION_EXPIRED` in any state but
 * `acquired`.
 */
export class LockAcquisition {
  readonly entry: QueueEntry
  readonly #context: LockContext
  readonly #queue: LockQueue
  readonly #lockKey: LockKey
  #state: Unread | Waiting | First | Acquired = { name: 'unread' }

  private constructor(
    context: LockContext,
    queue: LockQueue,
    options: ResolvedLockOptions,
    session: ClientSession,
  ) {
    this.#context = context
    this.#queue = queue
    this.entry = new QueueEntry(context, queue, options, session)
    this.#lockKey = new LockKey(queue, options.value, session.driverSession)
  }

  /** Opens a session, unless the options have one, and joins the queue. */
  static async begin(
    context: LockContext,
    queue: LockQueue,
    options: ResolvedLockOptions,
  ): Promise<LockAcquisition> {
    const session = options.session ?? (await context.openSession(options.ttl))
    const acquisition = new LockAcquisition(context, queue, options, session)
    try {
      const isCreated = await acquisition.entry.create()
      if (!isCreated) await acquisition.#readQueue({})
      return acquisition
    } catch (error) {
      context.inBackground(acquisition.abandon())
      throw error
    }
  }

  /** Acquires the lock if there is no predecessor; otherwise resolves to `null`. */
  async tryAcquire(options: CallOptions): Promise<KVPair | null> {
    for (;;) {
      const state = await this.#advance(options)
      if (state.name === 'acquired') return state.pair
      if (state.name === 'waiting') return null
    }
  }

  /**
   * Waits for all predecessors to leave and acquires the lock. Retries through outages while the
   * session lives.
   *
   * @throws LibkvError `SESSION_EXPIRED` when the entry is no longer in the queue.
   */
  async acquire(signal: AbortSignal): Promise<KVPair> {
    const either = new LinkedAbortController(signal, this.entry.session.signal)
    try {
      return await this.#acquireWhile(signal, either.signal)
    } finally {
      either.close()
    }
  }

  /**
   * Leaves the queue, and deletes the lock's key if this contender created it without receiving the
   * answer. Retries through outages.
   */
  async abandon(): Promise<void> {
    const { entry } = this
    try {
      if (entry.closingSessionSuffices) return
      await entry.retryWhileSessionLives(async (signal) => {
        const own = this.#lockKey.mayBeOwn ? await this.#findOwnLockKey({ signal }) : null
        await entry.removeOwnKeys(own, { signal })
      })
    } finally {
      if (entry.ownsSession) await entry.session.close()
    }
  }

  /** @param either - fires with `signal` or with the end of the session. */
  async #acquireWhile(signal: AbortSignal, either: AbortSignal): Promise<KVPair> {
    const { runtime } = this.#context
    for (let failures = 0; ; failures++) {
      try {
        for (; ; failures = 0) {
          const state = await this.#advance({ signal: either })
          if (state.name === 'acquired') return state.pair
          if (state.name === 'waiting') await this.#waitForPredecessor(state, either)
        }
      } catch (error) {
        if (signal.aborted) throw error
        if (!this.entry.session.isAlive()) throw this.#entryLost()
        if (!isLibkvError(error) || !error.retryable) throw error
        await sleep(runtime, backoff(runtime, failures), either).catch(() => undefined)
      }
    }
  }

  /** Reads the position in the queue and, if it is the first, tries to create the lock's key. */
  async #advance(options: CallOptions): Promise<Unread | Waiting | Acquired> {
    const position = await this.#readPosition(options)
    if (position.name === 'waiting') return position
    const pair = await this.#createLockKey(position, options)
    return (this.#state = pair === null ? { name: 'unread' } : { name: 'acquired', pair })
  }

  async #waitForPredecessor({ predecessor }: Waiting, signal: AbortSignal): Promise<void> {
    await waitForDeparture(this.#context.driver, predecessor, signal, () => {
      this.#state = { name: 'unread' }
    })
  }

  /** Reads the position from the keys of the queue alone where they suffice. */
  async #readPosition(options: CallOptions): Promise<Waiting | First> {
    if (this.#state.name === 'unread') return this.#readQueue(options)
    const keys = await this.#queue.listKeys(options)
    if (!keys.has(this.entry.key)) throw this.#entryLost()
    // Contenders that have joined since are successors, unless the successor key names one.
    if (keys.has(this.#queue.successorKey)) return this.#readQueue(options)
    this.entry.clearSuccessorEntry()
    const before = this.#state.name === 'waiting' ? this.#state.predecessors : []
    const predecessors = before.filter(({ key }) => keys.has(key))
    return this.#setPosition(predecessors, null)
  }

  async #readQueue(options: CallOptions): Promise<Waiting | First> {
    const snapshot = await this.#queue.read('revisions', options)
    const predecessors = this.entry.applySnapshot(snapshot)
    if (predecessors === undefined) throw this.#entryLost()
    return this.#setPosition(predecessors, snapshot.successorEntry)
  }

  #setPosition(predecessors: readonly Entry[], successorEntry: Entry | null): Waiting | First {
    const predecessor = predecessors.at(-1)
    return (this.#state =
      predecessor === undefined
        ? { name: 'first', successorEntry }
        : { name: 'waiting', predecessors, predecessor })
  }

  /**
   * Creates the lock's key if the entry is in the queue and the successor key is as last read.
   *
   * @returns `null` when one of these conditions failed.
   */
  #createLockKey({ successorEntry }: First, options: CallOptions): Promise<KVPair | null> {
    const key = this.#queue.successorKey
    const conditions: Check[] = [this.entry.isPresent, { key, expected: successorEntry }]
    // The successor key names a contender that has left the queue.
    const isObsolete = successorEntry !== null && !this.entry.isChosenSuccessor
    const writes: Write[] = isObsolete ? [{ type: 'delete', key }] : []
    return this.#lockKey.create(conditions, writes, options)
  }

  /** The lock's key if it exists and no other contender can have created it. */
  async #findOwnLockKey(options: CallOptions): Promise<Entry | null> {
    try {
      const position = await this.#readPosition(options)
      return position.name === 'first' ? await this.#queue.readLockKey(options) : null
    } catch (error) {
      if (isLibkvError(error, 'SESSION_EXPIRED')) return null
      throw error
    }
  }

  #entryLost(): LibkvError {
    const error = new LibkvError(
      'SESSION_EXPIRED',
      'lost the place in the lock queue: the session expired or the key was deleted',
    )
    return this.#context.calls.explain(error, { operation: 'lock', key: this.#queue.key })
  }
}
