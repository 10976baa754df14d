import type { Calls } from '../calls/calls.ts'
import type { ClientSession } from '../sessions/client-session.ts'
import type { Driver } from '../driver-kit/driver.ts'
import type { Keyspace } from '../store/keyspace.ts'
import type { Runtime } from '../contract/runtime.ts'

/** What a lock needs of its store. */
export interface LockContext {
  readonly backend: string
  readonly driver: Driver
  readonly calls: Calls
  readonly keyspace: Keyspace
  readonly runtime: Runtime
  readonly openSession: (ttl: number) => Promise<ClientSession>
  /** Takes work that goes on after its caller was answered. */
  readonly afterwards: (cleanup: Promise<unknown>) => void
}

/** {@link LockOptions}, checked. */
export interface ResolvedLockOptions {
  readonly value: Uint8Array
  readonly ttl: number
  readonly session: ClientSession | undefined
}
