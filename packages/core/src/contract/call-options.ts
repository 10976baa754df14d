/** What every call takes. */
export interface CallOptions {
  /** Ends the call: it rejects within milliseconds with the signal's own reason. */
  readonly signal?: AbortSignal | undefined
  /**
   * How long the call may take, in milliseconds.
   *
   * @default the store's `requestTimeout`
   */
  readonly timeout?: number | undefined
}

/** What reading calls take. */
export interface ReadOptions extends CallOptions {
  /**
   * `linearizable`: the answer reflects every write that was acknowledged before the call. `stale`: any replica may
   * answer from what it has, faster and also while the cluster has no quorum; but servers of ZooKeeper then answer nobody.
   *
   * @default 'linearizable'
   */
  readonly consistency?: 'linearizable' | 'stale' | undefined
}
