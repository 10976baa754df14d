import { isLibkvError } from '../contract/errors.ts'
import type { Runtime } from '../contract/runtime.ts'
import type { Call, CommitOutcome, DriverSession, Write } from './driver.ts'
import type { Leases } from './leases.ts'
import { throwIfSettled } from './throw-if-settled.ts'

/** How a backend gives keys a time to live with its leases. */
export interface TtlByLeaseOptions {
  readonly runtime: Runtime
  /** What a lease lasts beyond the time to live of its keys, in ms: time for the write that follows the grant. */
  readonly margin: number
  /** Whether keys of the same time to live share a lease within a commit. */
  readonly share: boolean
}

/** The lease of each write that has a time to live. */
type CommitWithLeases<L> = (leases: readonly (L | undefined)[]) => Promise<CommitOutcome>

/**
 * A time to live of keys, where the server has leases only: a lease is granted, the write bound to it, and the lease left to
 * expire. (etcd: https://etcd.io/docs/v3.5/learning/api/#lease-api; Consul: sessions with behavior `delete`.)
 */
export class TtlByLease<L extends DriverSession> {
  readonly #leases: Leases<L>
  readonly #options: TtlByLeaseOptions

  constructor(leases: Leases<L>, options: TtlByLeaseOptions) {
    this.#leases = leases
    this.#options = options
  }

  /**
   * Grants the leases of the writes, then commits; again with new leases if the servers were so slow that the first ones
   * expired before the commit.
   *
   * @throws LibkvError
   */
  async commit(
    writes: readonly Write[],
    call: Call,
    commit: CommitWithLeases<L>,
  ): Promise<CommitOutcome> {
    for (;;) {
      const sentAt = this.#options.runtime.now()
      const leases = await this.#grant(writes, call)
      try {
        return await this.#commit(leases, call, commit, sentAt)
      } catch (error) {
        const took = this.#options.runtime.now() - sentAt
        const mayHaveExpired = took >= Math.min(...given(leases).map(({ ttl }) => ttl))
        if (!mayHaveExpired || call.settled || !isLibkvError(error, 'SESSION_EXPIRED')) throw error
      }
    }
  }

  async #commit(
    leases: readonly (L | undefined)[],
    call: Call,
    commit: CommitWithLeases<L>,
    sentAt: number,
  ): Promise<CommitOutcome> {
    try {
      throwIfSettled(call)
      const outcome = await commit(leases)
      if (!outcome.committed) this.#revoke(leases)
      else if (this.#options.runtime.now() - sentAt > this.#options.margin) {
        // Without this the keys would expire too early.
        await Promise.all(given(leases).map((lease) => prolong(lease, call)))
      }
      return outcome
    } catch (error) {
      // After an ambiguous write the keys may exist: they expire with their leases.
      if (!isLibkvError(error) || !error.ambiguous) this.#revoke(leases)
      throw error
    }
  }

  async #grant(writes: readonly Write[], call: Call): Promise<(L | undefined)[]> {
    const { margin, share } = this.#options
    const shared = new Map<number, Promise<L>>()
    const granted = await Promise.allSettled(
      writes.map((write) => {
        if (write.type !== 'put' || write.ttl === undefined) return Promise.resolve(undefined)
        const known = share ? shared.get(write.ttl) : undefined
        const granting = known ?? this.#leases.grant(write.ttl + margin, call)
        shared.set(write.ttl, granting)
        return granting
      }),
    )
    const leases = granted.map((result) =>
      result.status === 'fulfilled' ? result.value : undefined,
    )
    const failed = granted.find((result) => result.status === 'rejected')
    if (failed === undefined) return leases
    this.#revoke(leases)
    throw failed.reason as Error
  }

  #revoke(leases: readonly (L | undefined)[]): void {
    for (const lease of given(leases)) this.#leases.revoke(lease)
  }
}

/** The distinct leases. */
function given<L>(leases: readonly (L | undefined)[]): L[] {
  return [...new Set(leases.filter((lease) => lease !== undefined))]
}

async function prolong(lease: DriverSession, call: Call): Promise<void> {
  try {
    await lease.renew(call)
  } catch (error) {
    // The answer took longer than the time to live: the key was written, and has expired.
    if (!isLibkvError(error, 'SESSION_EXPIRED')) throw error
  }
}
