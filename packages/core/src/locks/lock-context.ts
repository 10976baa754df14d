import type { Calls } from '../calls/calls.ts'
import type { Runtime } from '../contract/runtime.ts'
import type { Driver } from '../driver-kit/driver.ts'
import type { ClientSession } from '../sessions/client-session.ts'
import type { Keyspace } from '../store/keyspace.ts'

/** The parts of a store that its locks use. */
export interface LockContext {
  readonly backend: string
  readonly driver: Driver
  readonly calls: Calls
  readonly keyspace: Keyspace
  readonly runtime: Runtime
  readonly openSession: (ttl: number) => Promise<ClientSession>
  /** Tracks work that outlives the call that started it; closing the store drains it. */
  readonly inBackground: (work: Promise<unknown>) => void
}
