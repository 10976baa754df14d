import { setMaxListeners } from 'node:events'
import type { Observation, Write } from './driver.ts'
import { LibkvError } from './errors.ts'
import type { Contender } from './lock-contender.ts'
import type { LockContext } from './locker.ts'
import type { CallOptions, HeldLock } from './store.ts'

/** A lock while it is held: the visible key shows the holder's value, and disappears with the lock. */
export class LockHolding implements HeldLock {
  readonly key: string
  readonly token: bigint
  readonly #context: LockContext
  readonly #contender: Contender
  readonly #shown: { readonly revision: bigint; readonly createRevision: bigint }
  readonly #controller = new AbortController()
  readonly #observation: Observation
  #unlocking: Promise<void> | undefined

  private constructor(
    context: LockContext,
    contender: Contender,
    shown: { readonly revision: bigint; readonly createRevision: bigint },
  ) {
    this.#context = context
    this.#contender = contender
    this.#shown = shown
    this.key = contender.key
    this.token = contender.token
    setMaxListeners(0, this.#controller.signal)
    this.#observation = this.#observe()
    const { signal } = contender.session
    signal.addEventListener('abort', this.#onSessionEnd, { once: true })
    if (signal.aborted) this.#onSessionEnd()
  }

  /** Takes the lock for the contender whose turn it is; `null` when that is not in line any more. */
  static async take(
    context: LockContext,
    contender: Contender,
    options: CallOptions,
  ): Promise<LockHolding | null> {
    const shown = await contender.take(options)
    return shown === undefined ? null : new LockHolding(context, contender, shown)
  }

  get signal(): AbortSignal {
    this.isHeld()
    return this.#controller.signal
  }

  isHeld(): boolean {
    // To ask the session may tell it, and through it this lock, that its time is over.
    return this.#contender.session.isAlive() && !this.#controller.signal.aborted
  }

  unlock(): Promise<void> {
    if (this.#unlocking !== undefined) return this.#unlocking
    this.#end(this.#error('CLOSED', 'the lock was given back'))
    return (this.#unlocking = this.#release())
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.unlock()
  }

  async #release(): Promise<void> {
    const { session, ownsSession } = this.#contender
    if (ownsSession) return session.close()
    if (!session.isAlive()) return
    try {
      await this.#withdraw()
    } catch (error) {
      // The caller learns of it, and the others need not wait for the end of a session that lives on.
      this.#context.afterwards(this.#contender.untilGone((signal) => this.#withdraw(signal)))
      throw error
    }
  }

  async #withdraw(signal?: AbortSignal): Promise<void> {
    const { exit, visibleKey } = this.#contender
    await this.#context.calls.run(
      { operation: 'unlock', key: this.key, repeatable: true, whileClosing: true },
      { signal },
      async (call) => {
        const { driver } = this.#context
        const isOurs = { key: visibleKey, expected: this.#shown }
        const hide: Write = { type: 'delete', key: visibleKey }
        const { committed } = await driver.commit([isOurs], [hide, exit], call)
        // Somebody else wrote the visible key: it is not ours to delete.
        if (!committed) await driver.commit([], [exit], call)
      },
    )
  }

  #observe(): Observation {
    return this.#context.driver.observe(
      { key: this.#contender.visibleKey },
      {
        snapshot: (entries) => {
          this.#inspect(entries[0]?.revision)
        },
        changes: (changes) => {
          const last = changes.at(-1)
          this.#inspect(last?.type === 'put' ? last.entry.revision : undefined)
        },
        fail: () => {
          // Who may not watch can still hold: the session's deadline bounds the belief.
        },
      },
    )
  }

  /** The visible key is at that revision, or gone. */
  #inspect(revision: bigint | undefined): void {
    if (revision === undefined) this.#lose('its key was deleted')
    else if (revision !== this.#shown.revision) this.#context.afterwards(this.#verify())
  }

  /** Somebody wrote the visible key: the next holder, or a stranger, whose write changes nothing. */
  async #verify(): Promise<void> {
    const { key, expected } = this.#contender.inLine
    const request = { consistency: 'linearizable', values: false } as const
    const entry = await this.#context.calls.run(
      { operation: 'lock', key: this.key, repeatable: true },
      undefined,
      (call) => this.#context.driver.read(key, request, call),
    )
    if (entry?.createRevision !== expected?.createRevision) this.#lose('somebody else holds it')
  }

  readonly #onSessionEnd = (): void => {
    this.#lose('its session is over', this.#contender.session.signal.reason)
  }

  #lose(reason: string, cause?: unknown): void {
    if (this.#controller.signal.aborted) return
    this.#end(this.#error('LOCK_LOST', `the lock was lost: ${reason}`, cause))
    this.#unlocking ??= this.#release()
    this.#context.afterwards(this.#unlocking)
  }

  #end(reason: LibkvError): void {
    this.#observation.close()
    this.#contender.session.signal.removeEventListener('abort', this.#onSessionEnd)
    this.#controller.abort(reason)
  }

  #error(code: 'LOCK_LOST' | 'CLOSED', message: string, cause?: unknown): LibkvError {
    return this.#context.calls.explain(new LibkvError(code, message, { cause }), {
      operation: 'lock',
      key: this.key,
    })
  }
}
