import { onAbort, sharedController } from '../calls/abort.ts'
import { asyncDispose } from '../calls/dispose.ts'
import type { CallOptions } from '../contract/call-options.ts'
import { LibkvError, isLibkvError } from '../contract/errors.ts'
import { Pair } from '../contract/key-value-pair.ts'
import type { KVPair } from '../contract/key-value-pair.ts'
import type { HeldLock, UnlockOptions } from '../contract/lock.ts'
import type { Value } from '../contract/values.ts'
import { bytesOf } from '../contract/values.ts'
import type { CheckedVersion } from '../contract/version.ts'
import type { Entry, Observation } from '../driver-kit/driver.ts'
import { callRules, unlockRules } from '../options/call-rules.ts'
import { handOver } from './hand-over.ts'
import type { LockContext } from './lock-context.ts'
import type { LockQueue } from './lock-queue.ts'
import type { QueueEntry } from './queue-entry.ts'

/**
 * The holder of a lock, from acquisition to release or loss. It watches the lock's key, which
 * exists as long as it holds.
 */
export class LockHolder implements HeldLock {
  readonly key: string
  readonly token: bigint
  readonly #context: LockContext
  readonly #queue: LockQueue
  readonly #entry: QueueEntry
  readonly #controller = sharedController()
  readonly #observation: Observation
  readonly #stopListening: () => void
  #pair: KVPair
  #releasing: Promise<void> | undefined

  /** @param pair - the lock's key as the acquisition created it. */
  constructor(context: LockContext, queue: LockQueue, entry: QueueEntry, pair: KVPair) {
    this.#context = context
    this.#queue = queue
    this.#entry = entry
    this.#pair = pair
    this.key = queue.key
    this.token = pair.createRevision
    this.#observation = this.#observeLockKey()
    const { signal } = entry.session
    this.#stopListening = onAbort(signal, this.#onSessionEnd)
    if (signal.aborted) this.#onSessionEnd()
  }

  get pair(): KVPair {
    return this.#pair
  }

  get signal(): AbortSignal {
    this.isHeld()
    return this.#controller.signal
  }

  isHeld(): boolean {
    // Asking the session may end it, when its deadline has passed, and the lock with it.
    return this.#entry.session.isAlive() && !this.#controller.signal.aborted
  }

  async update(value: Value, options?: CallOptions): Promise<KVPair> {
    const { calls, backend } = this.#context
    const { session } = this.#entry
    calls.check(options, callRules, { operation: 'update lock', key: this.key })
    const bytes = bytesOf(value, this.key, backend)
    if (!this.isHeld()) throw this.#error('LOCK_LOST', 'the lock is not held any more')
    const written = await this.#writeLockKey(bytes, options).catch((error: unknown) => {
      if (!isLibkvError(error, 'SESSION_EXPIRED')) throw error
      session.expire()
      return undefined
    })
    if (written === undefined) {
      this.#lose('its key was deleted')
      throw this.#error('LOCK_LOST', 'the lock was lost')
    }
    return (this.#pair = new Pair({
      key: this.key,
      value: bytes,
      revision: written,
      createRevision: this.token,
      binding: 'lease',
    }))
  }

  async unlock(options?: UnlockOptions): Promise<void> {
    this.#context.calls.check(options, unlockRules, { operation: 'unlock', key: this.key })
    if (this.#releasing === undefined) {
      this.#end(this.#error('CLOSED', 'the lock was given back'))
      this.#releasing = this.#release(options?.successor?.id)
    }
    await this.#releasing
  }

  [asyncDispose](): Promise<void> {
    return this.unlock()
  }

  /** Resolves to the revision of the write; undefined when the lock's key was deleted. */
  #writeLockKey(value: Uint8Array, options: CallOptions | undefined): Promise<bigint | undefined> {
    const { calls, driver } = this.#context
    const { lockKey: key } = this.#queue
    const session = this.#entry.session.driverSession
    const put = { type: 'put', key, value, session } as const
    const request = { consistency: 'linearizable', fields: 'revisions' } as const
    const description = { operation: 'update lock', key: this.key, repeatable: true }
    return calls.run(description, options, async (call) => {
      let expected: CheckedVersion = this.#pair
      for (;;) {
        const outcome = await driver.commit([{ key, expected }], [put], call)
        if (outcome.committed) return outcome.revision
        // Another client's write, or this holder's own whose answer was lost: the lock is held
        // until the key is deleted.
        const current = outcome.current ?? (await driver.read(key, request, call))
        if (current?.createRevision !== this.token) return undefined
        expected = current
      }
    })
  }

  async #release(successorId?: string): Promise<void> {
    const entry = this.#entry
    const { session, ownsSession, closingSessionSuffices } = entry
    try {
      if (session.isAlive() && (successorId !== undefined || !closingSessionSuffices)) {
        await this.#removeKeys(successorId)
      }
    } catch (error) {
      if (!ownsSession) {
        // The session lives on, and with it the keys that other contenders wait for.
        this.#context.inBackground(
          entry.retryWhileSessionLives((signal) => this.#removeKeys(undefined, signal)),
        )
        throw error
      }
    }
    if (ownsSession) await session.close()
  }

  async #removeKeys(successorId: string | undefined, signal?: AbortSignal): Promise<void> {
    const entry = this.#entry
    if (successorId !== undefined) {
      const lockKeyVersion = this.#pair
      const isReleased = await handOver(
        this.#queue,
        { entry, lockKeyVersion, successorId },
        { signal },
      )
      if (isReleased) return
    }
    // An update that was in flight may have replaced the pair since.
    if (!entry.closingSessionSuffices) await entry.removeOwnKeys(this.#pair, { signal })
  }

  #observeLockKey(): Observation {
    const { lockKey: key } = this.#queue
    const { value, revision, createRevision } = this.#pair
    return this.#context.driver.observe(
      { key, known: { key, value, revision, createRevision } },
      {
        snapshot: (entries) => {
          this.#inspect(entries[0])
        },
        changes: (changes) => {
          const last = changes.at(-1)
          this.#inspect(last?.type === 'put' ? last.entry : undefined)
        },
        fail: () => {
          // Without permission to watch, the lock is still held until the session's deadline.
        },
      },
    )
  }

  /** Another client's write leaves the lock held. The next holder creates the key anew. */
  #inspect(lockKeyEntry: Entry | undefined): void {
    if (lockKeyEntry?.createRevision !== this.token) this.#lose('its key was deleted')
  }

  readonly #onSessionEnd = (): void => {
    this.#lose('its session is over', this.#entry.session.signal.reason)
  }

  #lose(reason: string, cause?: unknown): void {
    if (this.#controller.signal.aborted) return
    this.#end(this.#error('LOCK_LOST', `the lock was lost: ${reason}`, cause))
    this.#releasing ??= this.#release()
    this.#context.inBackground(this.#releasing)
  }

  #end(reason: LibkvError): void {
    this.#observation.close()
    this.#stopListening()
    this.#controller.abort(reason)
  }

  #error(code: 'LOCK_LOST' | 'CLOSED', message: string, cause?: unknown): LibkvError {
    return this.#context.calls.explain(new LibkvError(code, message, { cause }), {
      operation: 'lock',
      key: this.key,
    })
  }
}
