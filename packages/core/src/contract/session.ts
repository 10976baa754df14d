import type { CallOptions } from './call-options.ts'
import type { Ttl } from './ttl.ts'

/** What writing calls take. `ttl` and `session` exclude each other. */
export interface WriteOptions extends CallOptions {
  /**
   * The key goes away by itself: not before `ttl` milliseconds while this store is open and connected, and at the
   * latest after `ttl × capabilities.expiryFactor + capabilities.expirySlack`. Bounds: `capabilities.ttl`.
   */
  readonly ttl?: Ttl | undefined
  /** Binds the key to a session of this store: the key goes when the session does. */
  readonly session?: Session | undefined
}

/** What `session()` takes. */
export interface SessionOptions extends CallOptions {
  /**
   * The take-over time, in milliseconds: after a crash of this process the session's keys are gone at the latest
   * `ttl + capabilities.expirySlack` later. Bounds: `capabilities.ttl`.
   *
   * @default 20_000
   */
  readonly ttl?: Ttl | undefined
}

/**
 * A lease that this client keeps alive: an etcd lease, a Consul session, a ZooKeeper session of its own. What is bound
 * to it lives exactly as long as it does.
 */
export interface Session extends AsyncDisposable {
  /** The backend's name for it. */
  readonly id: string
  /** The take-over time that was asked for, in milliseconds. */
  readonly ttl: number
  /**
   * Aborts when the session is over, with a `SESSION_EXPIRED` or `CLOSED` error as its reason; at the latest at the
   * local deadline: the send time of the last acknowledged renewal, plus the shortest time after which the server may
   * end the session, less a margin, on the monotonic clock. Reading this property looks at the clock.
   */
  readonly signal: AbortSignal
  /** Whether the session is certainly still there. It looks at the clock, so it is right even after a blocked event loop. */
  isAlive(): boolean
  /** Ends the session and with it everything that is bound to it. Idempotent. */
  close(): Promise<void>
}
