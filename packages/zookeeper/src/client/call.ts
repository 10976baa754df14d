/** How long a call may take, and who wants to know. All times are on the clock of the client's runtime. */
export interface Call {
  /** When the call fails with `TIMEOUT` if it has not been answered. @default never */
  readonly deadline?: number
  /** When a call that could not be sent, for want of a connection, fails with `NOT_REACHABLE`. @default `deadline` */
  readonly connectDeadline?: number
  /** Ends the call with the signal's own reason. A request that was sent already is carried out all the same. */
  readonly signal?: AbortSignal
  /** Whether nobody waits for the answer any more: a request that was not sent yet then never will be. */
  readonly settled?: boolean
  /** Called when the request is handed to the wire. */
  markSent?(): void
  /** Called when the server has answered, with the last transaction that it had seen by then. */
  answered?(zxid: bigint): void
}
