import { LibkvError, isLibkvError } from '@libkv/core'
import type { Call, CommitOutcome, DriverSession, Runtime, Write } from '@libkv/core'
import { SESSION_TTL_MULTIPLIER } from './consul-session.ts'
import type { ConsulSession, ConsulSessions } from './consul-session.ts'

/** What a key's session has on top of its time to live, in milliseconds: time for the write that follows its creation. */
const MARGIN = 250

/** Keys with a time to live: each has a session of its own, that takes it along. */
export class KeyLifetimes {
  readonly #sessions: ConsulSessions
  readonly #runtime: Runtime
  /** The sessions of such keys that this store has written, and when they are over. */
  readonly #known = new Map<string, number>()

  constructor(sessions: ConsulSessions, runtime: Runtime) {
    this.#sessions = sessions
    this.#runtime = runtime
  }

  /**
   * Opens a session for each write that has a time to live, and then commits.
   *
   * @param commit - gets the session of each write, if it has one.
   */
  async commit(
    writes: readonly Write[],
    call: Call,
    commit: (sessions: readonly (DriverSession | undefined)[]) => Promise<CommitOutcome>,
  ): Promise<CommitOutcome> {
    const sentAt = this.#runtime.now()
    const opened = await Promise.allSettled(
      writes.map(async (write) =>
        write.type === 'put' && write.ttl !== undefined
          ? this.#sessions.create(write.ttl + MARGIN, call)
          : undefined,
      ),
    )
    const own = opened.flatMap((result) =>
      result.status === 'fulfilled' && result.value !== undefined ? [result.value] : [],
    )
    try {
      const failed = opened.find(({ status }) => status === 'rejected')
      if (failed !== undefined) throw (failed as PromiseRejectedResult).reason as Error
      if (call.settled) throw new LibkvError('CLOSED', 'nobody waits for the answer any more')
      const outcome = await commit(
        writes.map((write, i) => {
          const result = opened[i]
          const session = result?.status === 'fulfilled' ? result.value : undefined
          return session ?? (write.type === 'put' ? write.session : undefined)
        }),
      )
      if (outcome.committed) await this.#settle(own, this.#runtime.now() - sentAt, call)
      else this.#giveBack(own)
      return outcome
    } catch (error) {
      // An ambiguous write may be there: its keys then go with their sessions, in time.
      if (!isLibkvError(error) || !error.ambiguous) this.#giveBack(own)
      throw error
    }
  }

  /** The session has lost its key: if it was there for that alone, nobody needs it any more. */
  forget(id: string): void {
    if (this.#known.delete(id)) this.#sessions.destroyById(id)
  }

  async #settle(own: readonly ConsulSession[], took: number, call: Call): Promise<void> {
    // The write was slow: without this the keys would go too early.
    if (took > MARGIN) await Promise.all(own.map((session) => session.renew(call)))
    const now = this.#runtime.now()
    for (const [id, over] of this.#known) {
      if (over > now) break
      this.#known.delete(id)
    }
    for (const { id, ttl } of own) this.#known.set(id, now + ttl * SESSION_TTL_MULTIPLIER)
  }

  #giveBack(own: readonly ConsulSession[]): void {
    for (const session of own) this.#sessions.destroy(session)
  }
}
