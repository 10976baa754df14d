/** What a backend can and cannot do. The conformance suite skips by this and by nothing else. */
export interface Capabilities {
  /** Whether `transaction()` works. */
  readonly transactions: boolean
  /** Whether keys may exist below a key that is bound to a session or has a `ttl`. Where not, it is `NOT_SUPPORTED`. */
  readonly sessionKeysMayHaveDescendants: boolean
  /** The bounds of every `ttl`, in milliseconds. */
  readonly ttl: { readonly min: number; readonly max: number }
  /** See `WriteOptions.ttl`. */
  readonly expiryFactor: number
  /** In milliseconds. See `WriteOptions.ttl` and `SessionOptions.ttl`. */
  readonly expirySlack: number
  /**
   * What an acknowledged write survives. `quorum`: the loss of a minority of the servers. `primary`: everything but a fail-over to
   * a replica that lags. `machine`: the end of the process, not the loss of the disk. `process`: nothing.
   */
  readonly durability: 'quorum' | 'primary' | 'machine' | 'process'
}
