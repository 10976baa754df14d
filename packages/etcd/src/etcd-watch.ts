import type { ClientDuplexStream, Metadata } from '@grpc/grpc-js'
import { DetachedCall, LibkvError, backoff, isLibkvError } from '@libkv/core'
import type { Change, Observation, Observer, Scan, Scope, Timer } from '@libkv/core'
import type { IEvent, IWatchResponse } from 'etcd3'
import type { EtcdClient } from './etcd-client.ts'
import type { ResolvedEtcdOptions } from './etcd-options.ts'
import { entryOf, keyOf, rangeOfScope } from './etcd-requests.ts'

/** A response as etcd sends it; etcd3's types leave out what came after it. */
interface WatchResponse extends IWatchResponse {
  readonly fragment: boolean
}

/**
 * The change feed of a scope: one read, then a watch from the revision after it. It resumes after the last event that it
 * saw, never after the revision in a header, which may be ahead of the events; it reads again when the history it needs was
 * compacted, or is not that of this server any more.
 */
export class EtcdFeed implements Observation {
  readonly #client: EtcdClient
  readonly #options: ResolvedEtcdOptions
  readonly #scope: Scope
  readonly #observer: Observer
  readonly #read: (call: DetachedCall) => Promise<Scan>
  /** The first revision that was not seen; undefined when it has to read. */
  #next: bigint | undefined
  #call: DetachedCall | undefined
  #stream: ClientDuplexStream<unknown, unknown> | undefined
  #retry: Timer | undefined
  #failures = 0
  #closed = false

  constructor(
    client: EtcdClient,
    options: ResolvedEtcdOptions,
    scope: Scope,
    observer: Observer,
    read: (call: DetachedCall) => Promise<Scan>,
  ) {
    this.#client = client
    this.#options = options
    this.#scope = scope
    this.#observer = observer
    this.#read = read
    void this.#run()
  }

  close(): void {
    this.#closed = true
    this.#retry?.cancel()
    this.#call?.cancel()
    this.#stream?.cancel()
  }

  async #run(): Promise<void> {
    const { runtime, requestTimeout, connectionTimeout } = this.#options
    const call = new DetachedCall(runtime, requestTimeout, connectionTimeout)
    this.#call = call
    try {
      if (this.#next === undefined) {
        const { entries, revision } = await this.#read(call)
        if (this.#closed) return
        this.#next = revision + 1n
        this.#observer.snapshot(entries, revision)
      }
      const { stream, metadata } = await this.#client.stream('Watch', 'watch', call)
      if (this.#closed) stream.cancel()
      else this.#follow(stream, metadata)
    } catch (error) {
      this.#failed(error)
    } finally {
      call.done()
    }
  }

  #follow(stream: ClientDuplexStream<unknown, unknown>, metadata: Metadata): void {
    this.#stream = stream
    let over = false
    let fragments: IEvent[] = []
    const end = (error: unknown): void => {
      if (over) return
      over = true
      stream.cancel()
      this.#stream = undefined
      this.#failed(this.#client.streamFailed(error, metadata))
    }
    stream.on('error', end)
    stream.on('end', () => {
      end(new LibkvError('NOT_REACHABLE', 'the watch stream ended', { retryable: true }))
    })
    stream.on('data', (response: WatchResponse) => {
      if (over || this.#closed) return
      const problem = this.#problemIn(response)
      if (problem !== undefined) {
        end(problem)
        return
      }
      if (response.created) {
        this.#failures = 0
        return
      }
      // An event that is too large for one message comes in parts.
      fragments.push(...response.events)
      if (response.fragment) return
      const events = fragments
      fragments = []
      this.#tell(events, BigInt(response.header.revision))
    })
    stream.write({
      create_request: {
        ...rangeOfScope(this.#scope),
        start_revision: this.#next?.toString(),
        progress_notify: true,
        fragment: true,
      },
    })
  }

  /** Why the watch cannot go on with this response. It forgets where it was when it has to read again. */
  #problemIn(response: WatchResponse): unknown {
    // Before `canceled`: some servers give no other reason for it.
    if (response.compact_revision !== '0') {
      this.#next = undefined
      return new LibkvError('NOT_REACHABLE', 'the history was compacted', { retryable: true })
    }
    if (response.canceled) return new Error(response.cancel_reason || 'the watch was cancelled')
    if (response.created && (this.#next ?? 0n) > BigInt(response.header.revision) + 1n) {
      this.#next = undefined
      return new LibkvError('NOT_REACHABLE', 'the history went back', { retryable: true })
    }
    return undefined
  }

  #tell(events: readonly IEvent[], headerRevision: bigint): void {
    const last = events.at(-1)
    if (last === undefined) {
      // A notification of progress: all up to there has been seen.
      if (headerRevision >= (this.#next ?? 0n)) this.#next = headerRevision + 1n
      return
    }
    const revision = BigInt(last.kv.mod_revision)
    this.#next = revision + 1n
    const changes = events.map(changeOf).filter((change) => change !== undefined)
    if (changes.length > 0) this.#observer.changes(changes, revision)
  }

  #failed(error: unknown): void {
    if (this.#closed) return
    const heals = isLibkvError(error) && (error.retryable || error.code === 'BACKEND_ERROR')
    if (!heals) {
      this.#closed = true
      this.#observer.fail(error as Error)
      return
    }
    const wait = backoff(this.#options.runtime, this.#failures++, 20, 1_000)
    this.#retry = this.#options.runtime.setTimer(() => void this.#run(), wait)
  }
}

function changeOf({ type, kv }: IEvent): Change | undefined {
  if (type === 'Delete' || (type as unknown) === 'DELETE') {
    const key = keyOf(kv.key)
    return key === undefined
      ? undefined
      : { type: 'delete', key, revision: BigInt(kv.mod_revision) }
  }
  const entry = entryOf(kv)
  return entry === undefined ? undefined : { type: 'put', entry }
}
