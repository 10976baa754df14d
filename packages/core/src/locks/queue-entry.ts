import { sleep } from '../calls/abort.ts'
import { backoff } from '../calls/backoff.ts'
import type { CallOptions } from '../contract/call-options.ts'
import { isLibkvError } from '../contract/errors.ts'
import type { CheckedVersion } from '../contract/version.ts'
import type { Check, Entry, Write } from '../driver-kit/driver.ts'
import type { ClientSession } from '../sessions/client-session.ts'
import type { LockContext } from './lock-context.ts'
import type { LockQueue } from './lock-queue.ts'
import type { QueueSnapshot } from './queue-snapshot.ts'
import type { ResolvedLockOptions } from './resolved-lock-options.ts'

/**
 * A contender's entry in the queue of a lock: a key bound to a session, from joining the queue to
 * leaving it.
 */
export class QueueEntry {
  readonly key: string
  readonly id: string
  readonly session: ClientSession
  /** Whether the session was opened for this entry alone, and is closed with it. */
  readonly ownsSession: boolean
  readonly #context: LockContext
  readonly #queue: LockQueue
  readonly #value: Uint8Array
  /** The version of the entry, as last read or written. */
  #version: CheckedVersion = { revision: 0n, createRevision: 0n }
  /** The successor key, as last read, if it names this contender. */
  #ownSuccessorEntry: Entry | null = null

  /** @param session - the one in the options, or one that was opened for this entry. */
  constructor(
    context: LockContext,
    queue: LockQueue,
    options: ResolvedLockOptions,
    session: ClientSession,
  ) {
    this.#context = context
    this.#queue = queue
    this.#value = options.value
    this.id = context.runtime.uuid()
    this.key = queue.entryKey(this.id)
    this.session = session
    this.ownsSession = options.session === undefined
  }

  /** The condition that the entry is in the queue, as last read or written. */
  get isPresent(): Check {
    return { key: this.key, expected: this.#version }
  }

  /** The write that takes the entry out of the queue. */
  get deletion(): Write {
    return { type: 'delete', key: this.key }
  }

  /** Whether the successor key names this contender, as last read. */
  get isChosenSuccessor(): boolean {
    return this.#ownSuccessorEntry !== null
  }

  /**
   * Whether closing the session deletes all keys of this contender. The successor key has no
   * session.
   */
  get closingSessionSuffices(): boolean {
    return this.ownsSession && !this.isChosenSuccessor
  }

  /**
   * Joins the queue. An entry that exists already is this one, since no other contender uses its
   * key: the answer to its creation was lost.
   *
   * @returns whether the version of the entry is known; if not, the queue has to be read.
   */
  async create(): Promise<boolean> {
    const put: Write = {
      type: 'put',
      key: this.key,
      value: this.#value,
      session: this.session.driverSession,
      transient: true,
    }
    const outcome = await this.#queue.commit('lock', [{ key: this.key, expected: null }], [put], {})
    if (!outcome.committed) return false
    this.#version = { revision: outcome.revision, createRevision: outcome.revision }
    return true
  }

  /**
   * Records the version of the entry and the successor key from a snapshot of the queue.
   *
   * @returns the predecessors in the order of the queue; undefined when the entry is not in the
   * queue.
   */
  applySnapshot(snapshot: QueueSnapshot): readonly Entry[] | undefined {
    const { order, successorEntry, successorId } = snapshot
    const place = order.findIndex(({ key }) => key === this.key)
    const own = order[place]
    if (own === undefined) return undefined
    this.#version = { revision: own.revision, createRevision: own.createRevision }
    this.#ownSuccessorEntry = successorId === this.id ? successorEntry : null
    return order.slice(0, place)
  }

  /** Records that the successor key is absent. */
  clearSuccessorEntry(): void {
    this.#ownSuccessorEntry = null
  }

  /**
   * Leaves the queue: deletes the entry and, each only while it is still this contender's own, the
   * lock's key and the successor key.
   *
   * @param lockKeyVersion - the lock's key as this contender wrote it; `null` to leave that key
   * alone.
   */
  async removeOwnKeys(lockKeyVersion: Check['expected'], options: CallOptions): Promise<void> {
    const { lockKey, successorKey } = this.#queue
    const own: Check[] = []
    if (lockKeyVersion !== null) own.push({ key: lockKey, expected: lockKeyVersion })
    if (this.#ownSuccessorEntry !== null) {
      own.push({ key: successorKey, expected: this.#ownSuccessorEntry })
    }
    for (;;) {
      const deletions = own.map(({ key }): Write => ({ type: 'delete', key }))
      const outcome = await this.#queue.commit(
        'unlock',
        [...own],
        [this.deletion, ...deletions],
        options,
      )
      if (outcome.committed) return
      own.splice(outcome.failed, 1)
    }
  }

  /**
   * Retries a removal of keys until it succeeds, or until the session ends and the server deletes
   * them.
   */
  async retryWhileSessionLives(remove: (signal: AbortSignal) => Promise<void>): Promise<void> {
    const { session } = this
    const { runtime } = this.#context
    for (let failures = 0; session.isAlive(); failures++) {
      try {
        await remove(session.signal)
        return
      } catch (error) {
        if (!isLibkvError(error) || !error.retryable) throw error
        await sleep(runtime, backoff(runtime, failures), session.signal).catch(() => undefined)
      }
    }
  }
}
