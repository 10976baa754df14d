/**
 * One server under the harness's hand, whatever it runs in: a process of ours or a container. It knows nothing of what is
 * served; {@link ServerNode} adds that.
 */
export interface ServerUnit {
  /** Runs it, again on the same ports and data after a kill. Resolves before it serves. */
  start(): Promise<void>
  /** Ends it without a chance to clean up, also when frozen; resolves when it is gone. */
  kill(): Promise<void>
  freeze(): Promise<void>
  resume(): Promise<void>
  /** Removes its data. Only while killed. */
  wipe(): Promise<void>
  /** Ends it and removes all it left. */
  remove(): Promise<void>
  /** How it ended, if it ended without being told to. */
  failure(): Promise<string | undefined>
  /** The first and last lines it logged. */
  log(): Promise<string>
}
