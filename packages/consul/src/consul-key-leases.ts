import type { Runtime } from '@libkv/core'
import type { Leases } from '@libkv/core/driver'
import { SESSION_TTL_MULTIPLIER } from './consul-leases.ts'
import type { ConsulLease } from './consul-leases.ts'

/**
 * The sessions that this store opened for the time to live of one key each. Consul keeps a session whose key was overwritten
 * or deleted; those are destroyed here.
 */
export class KeyLeases {
  readonly #leases: Leases<ConsulLease>
  readonly #runtime: Runtime
  /** When each of them is over at the latest, on the runtime's clock; the oldest first. */
  readonly #open = new Map<
    ConsulLease['id'],
    { readonly lease: ConsulLease; readonly over: number }
  >()

  constructor(leases: Leases<ConsulLease>, runtime: Runtime) {
    this.#leases = leases
    this.#runtime = runtime
  }

  /** Notes the sessions of a commit that went through. */
  add(leases: readonly (ConsulLease | undefined)[]): void {
    const now = this.#runtime.now()
    for (const [id, { over }] of this.#open) {
      if (over > now) break
      this.#open.delete(id)
    }
    for (const lease of leases) {
      if (lease === undefined) continue
      this.#open.set(lease.id, { lease, over: now + lease.ttl * SESSION_TTL_MULTIPLIER })
    }
  }

  /** Destroys the session in the background if it was one for a key, because its key does not need it any more. */
  release(id: string): void {
    const open = this.#open.get(id)
    if (open === undefined) return
    this.#open.delete(id)
    this.#leases.revoke(open.lease)
  }
}
