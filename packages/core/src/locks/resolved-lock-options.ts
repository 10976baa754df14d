import type { ClientSession } from '../sessions/client-session.ts'

/** {@link LockOptions} after validation, with defaults applied. */
export interface ResolvedLockOptions {
  readonly value: Uint8Array
  /** The ttl in ms of a session that is opened for the lock. Unused with a `session`. */
  readonly ttl: number
  readonly session: ClientSession | undefined
}
