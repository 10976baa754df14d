import type { Metadata } from '@grpc/grpc-js'
import { LibkvError } from '@libkv/core'
import { Feed } from '@libkv/core/driver'
import type { Call, Change, Entry, Scope } from '@libkv/core/driver'
import type { EtcdClient } from './etcd-client.ts'
import type { WatchEvent, WatchReply, WatchRequest } from './etcd-codec.ts'
import type { Stream } from './etcd-connection.ts'
import { watch } from './etcd-methods.ts'
import type { ResolvedEtcdOptions } from './etcd-options.ts'
import { rangeOfScope } from './etcd-requests.ts'

/** The entries of a scope, and the revision up to which they are complete. */
export interface EtcdScan {
  readonly entries: readonly Entry[]
  readonly revision: bigint
}

/**
 * The change feed of a scope: one read, then a watch from the revision after it. It resumes after the last event that it
 * received, never after the revision in a header, which may be ahead of the events; it reads again when the history it needs
 * was compacted, or belongs to another server.
 */
export class EtcdFeed extends Feed {
  readonly #client: EtcdClient
  readonly #scope: Scope
  readonly #read: (call: Call) => Promise<EtcdScan>
  /** The first revision not received yet; undefined when it has to read. */
  #next: bigint | undefined
  #known: EtcdScan | undefined
  /** Cancels the watch. */
  #stop: (() => void) | undefined

  constructor(
    client: EtcdClient,
    options: ResolvedEtcdOptions,
    scope: Scope,
    read: (call: Call) => Promise<EtcdScan>,
  ) {
    super(options)
    this.#client = client
    this.#scope = scope
    this.#read = read
  }

  /** A known state needs no read: the watch from there on reports whatever came after it. */
  protected override restart(known: Entry | undefined): void {
    this.#known = known && { entries: [known], revision: known.revision }
    this.#next = undefined
    this.#stop?.()
  }

  protected override release(): void {
    this.#stop?.()
  }

  protected override async read(call: Call): Promise<void> {
    if (this.#next === undefined) {
      const { entries, revision } = this.#known ?? (await this.#read(call))
      if (this.isClosed) return
      this.#known = undefined
      this.#next = revision + 1n
      this.observer.snapshot(entries, revision)
    }
    const { stream, metadata } = await this.#client.stream(watch, call)
    if (this.isClosed) stream.cancel()
    else this.#follow(stream, metadata)
  }

  #follow(stream: Stream<WatchRequest, WatchReply>, metadata: Metadata): void {
    let over = false
    let fragments: WatchEvent[] = []
    const stop = (): void => {
      over = true
      this.#stop = undefined
      stream.cancel()
    }
    this.#stop = stop
    const end = (error: unknown): void => {
      if (over) return
      stop()
      this.failed(this.#client.streamFailed(error, metadata))
    }
    stream.on('error', end)
    stream.on('end', () => {
      end(new LibkvError('NOT_REACHABLE', 'the watch stream ended', { retryable: true }))
    })
    stream.on('data', (reply: WatchReply) => {
      if (over || this.isClosed) return
      const problem = this.#problemIn(reply)
      if (problem !== undefined) {
        end(problem)
        return
      }
      if (reply.created) {
        this.succeeded()
        return
      }
      // An event that is too large for one message comes in parts.
      fragments.push(...reply.events)
      if (reply.fragment) return
      const events = fragments
      fragments = []
      this.#report(events, reply.revision)
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

  #report(events: readonly WatchEvent[], headerRevision: bigint): void {
    const last = events.at(-1)
    if (last === undefined) {
      // A notification of progress: all up to there has been seen.
      if (headerRevision >= (this.#next ?? 0n)) this.#next = headerRevision + 1n
      return
    }
    const revision = last.type === 'put' ? last.entry.revision : last.revision
    this.#next = revision + 1n
    const changes = events.filter((event): event is Change => event.type !== 'other')
    if (changes.length > 0) this.observer.changes(changes, revision)
  }
}
