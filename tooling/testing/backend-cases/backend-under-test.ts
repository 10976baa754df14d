import type { Capabilities, Store, StoreOptions } from '@libkv/core'
import type { Backend, Servers } from '../servers/index.ts'
import type { Counter } from './counter.ts'

/** All that the cases know of a backend. The rest of what they ask for is a store, its servers, and what is between them. */
export interface BackendUnderTest {
  /** Also the name of the factory in the package `@libkv/<backend>`. */
  readonly backend: Backend
  readonly capabilities: Capabilities
  /** The factory, with the options that the test servers need because of how they are configured. */
  openAt(addresses: readonly string[], options?: StoreOptions): Store
  /** The options with which these servers let one in: their TLS and their credentials. */
  accessTo(servers: Servers): StoreOptions
  /** Puts a counter before a plain server. */
  countTo(endpoint: string): Promise<Counter>
  /** The time to live of a session that outlasts the loss of a leader, in milliseconds. */
  readonly steadyTtl: number
  /** Whether a member that has lost its quorum keeps calls waiting for it. Otherwise it may also refuse them at once. */
  readonly waitsForQuorum: boolean
  /**
   * Whether a member that has lost its quorum answers nobody, those included whom a stale answer would do.
   *
   * @default false
   */
  readonly isMuteWithoutQuorum?: boolean
}

/** A store that these servers let in. */
export function openOn(
  { openAt, accessTo }: BackendUnderTest,
  servers: Servers,
  options: StoreOptions = {},
): Store {
  return openAt(servers.endpoints, { ...accessTo(servers), ...options })
}
