import type { Acl, Identity } from './acl.ts'
import type { Call } from './call.ts'
import type { Auth, ClientOptions } from './client-options.ts'
import type { MultiOperation, MultiResult, Read, ReadResult } from './multi.ts'
import { multi, multiRead } from './multi-operations.ts'
import type { Children, Created, CreateOptions, NodeData, Stat } from './node.ts'
import type { Operation, Target } from './operation.ts'
import * as operations from './operations.ts'
import { Session } from './session.ts'
import type { ClientState, StateListener } from './state-event.ts'
import type { WatchListener, WatchMode } from './watch-event.ts'
import { isZooKeeperError } from './zookeeper-error.ts'

/**
 * One ZooKeeper session over one connection at a time. Calls are pipelined: the server carries them out, and answers, in the
 * order in which they were made. What cannot be sent for want of a connection waits for one; what was sent when the connection
 * broke fails with `CONNECTION_LOSS`. Failures are {@link ZooKeeperError}s.
 *
 * Reads of a node that does not exist resolve to `null`. A `version` that is not given, or -1, is any.
 *
 * @example
 * const client = new ZooKeeperClient({ servers: ['10.0.0.1', '10.0.0.2:2181'], runtime: systemRuntime })
 * const { path } = await client.create('/jobs/job-', bytes, { mode: 'ephemeralSequential' })
 * await client.watch('/jobs', 'persistentRecursive', ({ type, path }) => console.log(type, path))
 * const jobs = await client.children('/jobs', { deadline: systemRuntime.now() + 5_000 })
 * await client.close()
 */
export class ZooKeeperClient implements AsyncDisposable {
  readonly #session: Session
  /** Whether the server that the client is connected to knows multiRead, as far as is known. */
  #readsMany = true

  /** @throws ZooKeeperError `BAD_ARGUMENTS` if the servers or the chroot make no sense */
  constructor(options: ClientOptions) {
    this.#session = new Session(options)
    this.#session.listen(({ type }) => {
      if (type === 'connected') this.#readsMany = true
    })
  }

  get state(): ClientState {
    return this.#session.state
  }

  /** 0 while there is no session. */
  get sessionId(): bigint {
    return this.#session.identity.id
  }

  /** With the id, what it takes to resume the session from another client. */
  get sessionPassword(): Uint8Array {
    return this.#session.identity.password
  }

  /** The session timeout that the server granted, in milliseconds; 0 while there is no session. */
  get negotiatedTimeout(): number {
    return this.#session.timeout
  }

  /** The last transaction that a server had seen when it answered. */
  get lastZxid(): bigint {
    return this.#session.pipeline.zxid.latest
  }

  /**
   * When the last request or ping that the server has answered was sent, on the runtime's clock: from then on the session
   * lasts `negotiatedTimeout` at least. `-Infinity` while there is no session.
   */
  get answeredAt(): number {
    return this.#session.pipeline.answeredAt
  }

  /**
   * How often what was asked went out. Calls between which it stays the same are sent together, and in order: a `sync` among
   * them also does for those that were made after it.
   */
  get flushes(): number {
    return this.#session.pipeline.flushes
  }

  /** Calls back on each change of the session's state, until the function that it returns is called. */
  onState(listener: StateListener): () => void {
    return this.#session.listen(listener)
  }

  /**
   * Keeps the process alive, connected or not, until the function that it returns is called or the client is closed. Of use
   * where `keepAlive` is false.
   */
  ref(): () => void {
    return this.#session.ref()
  }

  /** Resolves when there is a session. Any other call connects as well. */
  connect(call?: Call): Promise<void> {
    return this.#submit(operations.connect, {}, call)
  }

  /** Ends the session on the server if that is possible within `closeTimeout`; resolves then at the latest. */
  close(): Promise<void> {
    return this.#session.close()
  }

  /** Closes the client and leaves the session to the server, which ends it after `negotiatedTimeout`. */
  abandon(): void {
    this.#session.abandon()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  create(
    path: string,
    data: Uint8Array | null,
    options: CreateOptions = {},
    call?: Call,
  ): Promise<Created> {
    const request = { ...options, path, data }
    return this.#submit(operations.creationOf(options), request, call)
  }

  delete(path: string, version?: number, call?: Call): Promise<void> {
    return this.#submit(operations.remove, { path, version }, call)
  }

  set(path: string, data: Uint8Array | null, version?: number, call?: Call): Promise<Stat> {
    return this.#submit(operations.set, { path, data, version }, call)
  }

  /** All writes happen, or none, and the error's `failedIndex` tells which of them could not. */
  multi(writes: readonly MultiOperation[], call?: Call): Promise<MultiResult[]> {
    return writes.length === 0 ? Promise.resolve([]) : this.#submit(multi, { writes }, call)
  }

  /** The listener, if given, is called once: when the node is written or deleted. It is not kept where there is no node. */
  get(path: string, call?: Call, listener?: WatchListener): Promise<NodeData | null> {
    return this.#submit(operations.get, { path, listener }, call)
  }

  /** The listener, if given, is called once: when the node is created, written or deleted. */
  exists(path: string, call?: Call, listener?: WatchListener): Promise<Stat | null> {
    return this.#submit(operations.exists, { path, listener }, call)
  }

  /** The listener, if given, is called once: when a child comes or goes, or the node is deleted. */
  children(path: string, call?: Call, listener?: WatchListener): Promise<Children | null> {
    return this.#submit(operations.children, { path, listener }, call)
  }

  /** Many reads in one request; in as many requests, sent one behind the other, to servers before 3.6. */
  async multiRead(reads: readonly Read[], call?: Call): Promise<ReadResult[]> {
    if (reads.length === 0) return []
    if (!this.#readsMany) return await this.#readEach(reads, call)
    try {
      return await this.#submit(multiRead, { reads }, call)
    } catch (error) {
      if (!isZooKeeperError(error, 'UNIMPLEMENTED')) throw error
      this.#readsMany = false
      return await this.#readEach(reads, call)
    }
  }

  /** Lets the server catch up with the leader, so that reads made after it are not stale. */
  sync(path: string, call?: Call): Promise<void> {
    return this.#submit(operations.sync, { path }, call)
  }

  getAcl(path: string, call?: Call): Promise<{ readonly acl: Acl; readonly stat: Stat } | null> {
    return this.#submit(operations.getAcl, { path }, call)
  }

  setAcl(path: string, acl: Acl, version?: number, call?: Call): Promise<Stat> {
    return this.#submit(operations.setAcl, { path, acl, version }, call)
  }

  /** Proves another identity, now and on each connection to come. */
  async addAuth(auth: Auth, call?: Call): Promise<void> {
    this.#session.addAuth(auth)
    for (;;) {
      try {
        // What is asked behind it is answered behind it.
        await this.exists('/', call)
        return
      } catch (error) {
        if (isZooKeeperError(error, 'NO_AUTH')) return
        if (!isZooKeeperError(error, 'CONNECTION_LOSS')) throw error
      }
    }
  }

  /** The identities proven on this connection, on servers since 3.7. */
  whoAmI(call?: Call): Promise<Identity[]> {
    return this.#submit(operations.whoAmI, {}, call)
  }

  /**
   * Calls back on each change, on servers since 3.6, until {@link removeWatch}. It is in force when this resolves, and again
   * on each connection of this session; what changed between two connections is not reported. One mode for one path.
   */
  watch(path: string, mode: WatchMode, listener: WatchListener, call?: Call): Promise<void> {
    return this.#submit(operations.addWatch[mode], { path, listener }, call)
  }

  /**
   * The listener hears nothing more of the path, whatever kind of watch it has there, at once; this resolves when the server
   * has forgotten it, too, if nobody else watches the path.
   */
  async removeWatch(path: string, listener: WatchListener, call?: Call): Promise<void> {
    const { watches } = this.#session
    if (!watches.remove(path, listener) || watches.has(path) || this.state !== 'connected') return
    try {
      await this.#submit(operations.removeWatches, { path }, call)
    } catch (error) {
      // With the connection, the server loses its watches, and this one will not be set again.
      if (!isZooKeeperError(error, 'NO_WATCHER') && !isZooKeeperError(error, 'CONNECTION_LOSS')) {
        throw error
      }
    }
  }

  #submit<Q extends Target, A>(
    operation: Operation<Q, A>,
    target: Q,
    call: Call | undefined,
  ): Promise<A> {
    this.#session.start()
    return this.#session.pipeline.submit(operation, target, call)
  }

  async #readEach(reads: readonly Read[], call: Call | undefined): Promise<ReadResult[]> {
    return await Promise.all(
      reads.map(async ({ type, path }): Promise<ReadResult> => {
        try {
          const node = type === 'get' ? await this.get(path, call) : await this.children(path, call)
          return node && ({ type, ...node } as ReadResult)
        } catch (error) {
          if (isZooKeeperError(error, 'NO_AUTH')) return error
          throw error
        }
      }),
    )
  }
}
