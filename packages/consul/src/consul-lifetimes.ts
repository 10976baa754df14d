import { LibkvError, isLibkvError } from '@libkv/core'
import type { Call, CommitOutcome, DriverSession, Write } from '@libkv/core/driver'
import type { Runtime } from '@libkv/core'
import { SESSION_TTL_MULTIPLIER } from './consul-session.ts'
import type { ConsulSession, ConsulSessions } from './consul-session.ts'

/** What a key's session has on top of its time to live, in milliseconds: time for the write that follows its creation. */
const MARGIN = 1_000

type SessionCommit = (sessions: readonly (DriverSession | undefined)[]) => Promise<CommitOutcome>

/** How long the session of a write's key is to live, in milliseconds. */
const lifetimeOf = (write: Write): number =>
  write.type === 'put' && write.ttl !== undefined ? write.ttl + MARGIN : Infinity

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
   * Opens a session for each write that has a time to live, and then commits; again, with other sessions, where the servers were
   * so slow that the first were over before the commit.
   *
   * @param commit - gets the session of each write, if it has one.
   */
  async commit(
    writes: readonly Write[],
    call: Call,
    commit: SessionCommit,
  ): Promise<CommitOutcome> {
    for (;;) {
      const sentAt = this.#runtime.now()
      try {
        return await this.#commitOnce(writes, call, commit, sentAt)
      } catch (error) {
        const took = this.#runtime.now() - sentAt
        const wasSlow = took >= Math.min(...writes.map(lifetimeOf)) / SESSION_TTL_MULTIPLIER
        if (!wasSlow || call.settled || !isLibkvError(error, 'SESSION_EXPIRED')) throw error
      }
    }
  }

  async #commitOnce(
    writes: readonly Write[],
    call: Call,
    commit: SessionCommit,
    sentAt: number,
  ): Promise<CommitOutcome> {
    const opened = await Promise.allSettled(
      writes.map(async (write) =>
        write.type === 'put' && write.ttl !== undefined
          ? this.#sessions.create(lifetimeOf(write), call)
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
    if (took > MARGIN) await Promise.all(own.map((session) => this.#prolong(session, call)))
    const now = this.#runtime.now()
    for (const [id, over] of this.#known) {
      if (over > now) break
      this.#known.delete(id)
    }
    for (const { id, ttl } of own) this.#known.set(id, now + ttl * SESSION_TTL_MULTIPLIER)
  }

  async #prolong(session: ConsulSession, call: Call): Promise<void> {
    try {
      await session.renew(call)
    } catch (error) {
      // The answer was so slow that the key, which was written, has had its time.
      if (!isLibkvError(error, 'SESSION_EXPIRED')) throw error
    }
  }

  #giveBack(own: readonly ConsulSession[]): void {
    for (const session of own) this.#sessions.destroy(session)
  }
}
