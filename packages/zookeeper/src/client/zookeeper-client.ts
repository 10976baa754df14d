import type { Acl, Identity } from './acl.ts'
import type { Call } from './call.ts'
import type { Auth, ClientOptions } from './client-options.ts'
import type { MultiOperation, MultiResult, Read, ReadResult } from './multi.ts'
import type { Children, Created, CreateOptions, NodeData, Stat } from './node.ts'
import type { ClientState, StateListener } from './state-event.ts'
import type { WatchListener, WatchMode } from './watch-event.ts'

/**
 * One ZooKeeper session over one connection at a time. Calls are pipelined: the server carries them out, and answers, in the
 * order in which they were made. Failures are {@link ZooKeeperError}s.
 *
 * Reads of a node that does not exist resolve to `null`. A `version` that is not given, or -1, is any.
 */
export declare class ZooKeeperClient {
  constructor(options: ClientOptions)

  get state(): ClientState
  /** 0 until there is a session. */
  get sessionId(): bigint
  /** With the id, what it takes to resume the session from another client. */
  get sessionPassword(): Uint8Array
  /** The session timeout that the server granted, in milliseconds; 0 until there is a session. */
  get negotiatedTimeout(): number
  /** The last transaction that the server had seen when it last answered. */
  get lastZxid(): bigint
  /**
   * When the last request or ping that the server has answered was sent, on the runtime's clock: from then on the session
   * lasts `negotiatedTimeout` at least. `-Infinity` until there is a session.
   */
  get answeredAt(): number

  /** Calls back on each change of the session's state, until the function that it returns is called. */
  onState(listener: StateListener): () => void

  /** Resolves when there is a session. The first call connects as well. */
  connect(call?: Call): Promise<void>
  /** Ends the session on the server if that is possible within `closeTimeout`; resolves then at the latest. */
  close(): Promise<void>

  create(path: string, data: Uint8Array | null, options?: CreateOptions, call?: Call): Promise<Created>
  delete(path: string, version?: number, call?: Call): Promise<void>
  set(path: string, data: Uint8Array | null, version?: number, call?: Call): Promise<Stat>
  /** All writes happen, or none and a {@link ZooKeeperError} with `failedIndex` says why. */
  multi(operations: readonly MultiOperation[], call?: Call): Promise<MultiResult[]>

  /** The listener, if given, is called once: when the node is written or deleted. It is not kept where there is no node. */
  get(path: string, call?: Call, listener?: WatchListener): Promise<NodeData | null>
  /** The listener, if given, is called once: when the node is created, written or deleted. */
  exists(path: string, call?: Call, listener?: WatchListener): Promise<Stat | null>
  /** The listener, if given, is called once: when a child comes or goes, or the node is deleted. */
  children(path: string, call?: Call, listener?: WatchListener): Promise<Children | null>
  /** Many reads in one request, or one after the other without waiting on servers before 3.6. */
  multiRead(reads: readonly Read[], call?: Call): Promise<ReadResult[]>
  /** Lets the server catch up with the leader, so that reads made after it are not stale. */
  sync(path: string, call?: Call): Promise<void>

  getAcl(path: string, call?: Call): Promise<{ readonly acl: Acl; readonly stat: Stat } | null>
  setAcl(path: string, acl: Acl, version?: number, call?: Call): Promise<Stat>
  /** Proves another identity, now and on each connection to come. */
  addAuth(auth: Auth, call?: Call): Promise<void>
  /** The identities proven on this connection, on servers since 3.7. */
  whoAmI(call?: Call): Promise<Identity[]>

  /**
   * Calls back on each change, on servers since 3.6, until {@link removeWatch}. It is in force when this resolves, and again
   * on each connection of this session; what changed between two connections is not reported. One mode a path.
   */
  watch(path: string, mode: WatchMode, listener: WatchListener, call?: Call): Promise<void>
  /** The listener hears nothing more of the path, whatever kind of watch it has there. */
  removeWatch(path: string, listener: WatchListener): Promise<void>
}
