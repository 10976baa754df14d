import type { Metadata } from '@grpc/grpc-js'
import { BackgroundCall, backoff } from '@libkv/core/driver'
import { LibkvError, isLibkvError } from '@libkv/core'
import type { Change, Observation, Observer, Scan, Scope } from '@libkv/core/driver'
import type { Timer } from '@libkv/core'
import type { EtcdClient } from './etcd-client.ts'
import type { ResolvedEtcdOptions } from './etcd-options.ts'
import type { WatchEvent, WatchReply, WatchRequest } from './etcd-codec.ts'
import type { Stream } from './etcd-endpoint.ts'
import { watch } from './etcd-methods.ts'
import { rangeOfScope } from './etcd-requests.ts'

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
  readonly #read: (call: BackgroundCall) => Promise<Scan>
  /** The first revision that was not seen; undefined when it has to read. */
  #next: bigint | undefined
  #call: BackgroundCall | undefined
  #stream: Stream<WatchRequest, WatchReply> | undefined
  #retry: Timer | undefined
  #failures = 0
  #closed = false

  constructor(
    client: EtcdClient,
    options: ResolvedEtcdOptions,
    scope: Scope,
    observer: Observer,
    read: (call: BackgroundCall) => Promise<Scan>,
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
    const call = new BackgroundCall(runtime, requestTimeout, connectionTimeout)
    this.#call = call
    try {
      if (this.#next === undefined) {
        const { entries, revision } = await this.#read(call)
        if (this.#closed) return
        this.#next = revision + 1n
        this.#observer.snapshot(entries, revision)
      }
      const { stream, metadata } = await this.#client.stream(watch, call)
      if (this.#closed) stream.cancel()
      else this.#follow(stream, metadata)
    } catch (error) {
      this.#failed(error)
    } finally {
      call.done()
    }
  }

  #follow(stream: Stream<WatchRequest, WatchReply>, metadata: Metadata): void {
    this.#stream = stream
    let over = false
    let fragments: WatchEvent[] = []
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
    stream.on('data', (reply: WatchReply) => {
      if (over || this.#closed) return
      const problem = this.#problemIn(reply)
      if (problem !== undefined) {
        end(problem)
        return
      }
      if (reply.created) {
        this.#failures = 0
        return
      }
      // An event that is too large for one message comes in parts.
      fragments.push(...reply.events)
      if (reply.fragment) return
      const events = fragments
      fragments = []
      this.#tell(events, reply.revision)
    })
    stream.write({ ...rangeOfScope(this.#scope), from: this.#next ?? 0n })
  }

  /** Why the watch cannot go on with this reply. It forgets where it was when it has to read again. */
  #problemIn(reply: WatchReply): unknown {
    // Before `canceled`: some servers give no other reason for it.
    if (reply.compactRevision !== 0n) {
      this.#next = undefined
      return new LibkvError('NOT_REACHABLE', 'the history was compacted', { retryable: true })
    }
    if (reply.cancelled) return new Error(reply.cancelReason || 'the watch was cancelled')
    if (reply.created && (this.#next ?? 0n) > reply.revision + 1n) {
      this.#next = undefined
      return new LibkvError('NOT_REACHABLE', 'the history went back', { retryable: true })
    }
    return undefined
  }

  #tell(events: readonly WatchEvent[], headerRevision: bigint): void {
    const last = events.at(-1)
    if (last === undefined) {
      // A notification of progress: all up to there has been seen.
      if (headerRevision >= (this.#next ?? 0n)) this.#next = headerRevision + 1n
      return
    }
    const revision = last.type === 'put' ? last.entry.revision : last.revision
    this.#next = revision + 1n
    const changes = events.filter((event): event is Change => event.type !== 'other')
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
