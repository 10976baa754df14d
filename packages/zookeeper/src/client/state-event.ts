import type { ZooKeeperError } from './zookeeper-error.ts'

/**
 * Where the client is. `expired`, `authFailed` and `closed` are final: all calls fail. A client that renews its session goes
 * from an expired one straight to `connecting`.
 */
export type ClientState = 'idle' | 'connecting' | 'connected' | 'expired' | 'authFailed' | 'closed'

/**
 * What happened to the session:
 *
 * - `connected`: a server has accepted the session. If it was resumed, one-shot and persistent watches are in force again;
 *   what changed in the meantime was reported to one-shot watches only. A session that was not resumed is new.
 * - `disconnected`: the connection is gone; the session is still there, for a while.
 * - `expired`: the server says that the session is over: its ephemeral nodes and watches are gone.
 * - `authFailed`: the server refused what was to prove an identity.
 * - `closed`: after `close()`.
 */
export type StateEvent =
  | { readonly type: 'connected'; readonly resumed: boolean; readonly server: string }
  | { readonly type: 'disconnected'; readonly cause: ZooKeeperError }
  | { readonly type: 'expired' }
  | { readonly type: 'authFailed'; readonly cause: ZooKeeperError }
  | { readonly type: 'closed' }

export type StateListener = (event: StateEvent) => void
