import { onAbort, sharedController } from '../calls/abort.ts'
import { callRules, unlockRules } from '../options/call-rules.ts'
import { asyncDispose } from '../calls/dispose.ts'
import type { Entry, Observation } from '../driver-kit/driver.ts'
import { LibkvError, isLibkvError } from '../contract/errors.ts'
import { Pair } from '../contract/key-value-pair.ts'
import type { KVPair } from '../contract/key-value-pair.ts'
import type { Contender } from './lock-contender.ts'
import type { LockContext } from './lock-context.ts'
import type { CallOptions } from '../contract/call-options.ts'
import type { HeldLock, UnlockOptions } from '../contract/lock.ts'
import type { Value } from '../contract/values.ts'
import { bytesOf } from '../contract/values.ts'

/** A lock while it is held: the visible key shows the holder's value, and disappears with the lock. */
export class LockHolding implements HeldLock {
  readonly key: string
  readonly token: bigint
  readonly #context: LockContext
  readonly #contender: Contender
  readonly #controller = sharedController()
  readonly #observation: Observation
  readonly #stopListening: () => void
  #pair: KVPair
  #unlocking: Promise<void> | undefined

  /** @param pair - with which the contender took the lock. */
  constructor(context: LockContext, contender: Contender, pair: KVPair) {
    this.#context = context
    this.#contender = contender
    this.#pair = pair
    this.key = contender.key
    this.token = pair.createRevision
    this.#observation = this.#observe()
    const { signal } = contender.session
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
    // To ask the session may tell it, and through it this lock, that its time is over.
    return this.#contender.session.isAlive() && !this.#controller.signal.aborted
  }

  async update(value: Value, options?: CallOptions): Promise<KVPair> {
    const { calls, driver, backend } = this.#context
    const { session, visibleKey: key } = this.#contender
    calls.check(options, callRules, { operation: 'update lock', key: this.key })
    const bytes = bytesOf(value, this.key, backend)
    const put = { type: 'put', key, value: bytes, session: session.driverSession } as const
    const reading = { consistency: 'linearizable', fields: 'revisions' } as const
    const description = { operation: 'update lock', key: this.key, repeatable: true }
    if (!this.isHeld()) throw this.#error('LOCK_LOST', 'the lock is not held any more')
    const written = await calls
      .run(description, options, async (call) => {
        let before: Pick<Entry, 'revision' | 'createRevision'> = this.#pair
        for (;;) {
          const outcome = await driver.commit([{ key, expected: before }], [put], call)
          if (outcome.committed) return outcome.revision
          // A stranger's write, or this one's when its answer was lost: for as long as the key lives nobody else holds.
          const current = outcome.current ?? (await driver.read(key, reading, call))
          if (current?.createRevision !== this.token) return undefined
          before = current
        }
      })
      .catch((error: unknown) => {
        if (!isLibkvError(error, 'SESSION_EXPIRED')) throw error
        session.expire()
        return undefined
      })
    if (written === undefined) {
      this.#lose('its key was deleted')
      throw this.#error('LOCK_LOST', 'the lock was lost')
    }
    return (this.#pair = new Pair(this.key, bytes, written, this.token))
  }

  async unlock(options?: UnlockOptions): Promise<void> {
    this.#context.calls.check(options, unlockRules, { operation: 'unlock', key: this.key })
    if (this.#unlocking === undefined) {
      this.#end(this.#error('CLOSED', 'the lock was given back'))
      this.#unlocking = this.#release(options?.successor?.id)
    }
    await this.#unlocking
  }

  [asyncDispose](): Promise<void> {
    return this.unlock()
  }

  async #release(successor?: string): Promise<void> {
    const { session, ownsSession, goesWithSession } = this.#contender
    try {
      if (session.isAlive() && (successor !== undefined || !goesWithSession)) {
        await this.#withdraw(successor)
      }
    } catch (error) {
      if (!ownsSession) {
        // The caller learns of it, and the others need not wait for the end of a session that lives on.
        this.#context.inBackground(
          this.#contender.untilGone((signal) => this.#withdraw(undefined, signal)),
        )
        throw error
      }
    }
    if (ownsSession) await session.close()
  }

  async #withdraw(successor: string | undefined, signal?: AbortSignal): Promise<void> {
    const contender = this.#contender
    if (successor !== undefined && (await contender.handOver(successor, this.#pair, { signal }))) {
      return
    }
    if (!contender.goesWithSession) await contender.withdraw(this.#pair, { signal })
  }

  #observe(): Observation {
    const { visibleKey: key } = this.#contender
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
          // Who may not watch can still hold: the session's deadline bounds the belief.
        },
      },
    )
  }

  /** A stranger's write changes nothing. The next holder makes the key anew. */
  #inspect(shown: Entry | undefined): void {
    if (shown?.createRevision !== this.token) this.#lose('its key was deleted')
  }

  readonly #onSessionEnd = (): void => {
    this.#lose('its session is over', this.#contender.session.signal.reason)
  }

  #lose(reason: string, cause?: unknown): void {
    if (this.#controller.signal.aborted) return
    this.#end(this.#error('LOCK_LOST', `the lock was lost: ${reason}`, cause))
    this.#unlocking ??= this.#release()
    this.#context.inBackground(this.#unlocking)
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
