import { Metadata } from '@grpc/grpc-js'
import { BackgroundCall, BackgroundWork, unreachable } from '@libkv/core/driver'
import { LibkvError } from '@libkv/core'
import type { Call, TlsMaterial } from '@libkv/core/driver'
import type { Runtime, Timer } from '@libkv/core'
import { EtcdAuthentication } from './etcd-authentication.ts'
import { EtcdEndpoint } from './etcd-endpoint.ts'
import type { Method, Stream } from './etcd-endpoint.ts'
import { authenticate, range } from './etcd-methods.ts'
import { CANCELLED, UNAVAILABLE, errorOf, isStaleToken } from './etcd-errors.ts'
import type { GrpcError } from './etcd-errors.ts'
import type { ResolvedEtcdOptions } from './etcd-options.ts'

/** A member that has kept a request waiting for this long is asked whether it is there, in milliseconds. */
const PATIENCE = 1_000
/** And has this long to answer. */
const PROBE_TIMEOUT = 1_000

const noMetadata = new Metadata()

/**
 * The wire: requests and streams to whichever member answers. It tells what a failure means and whether the request was
 * sent, and repeats nothing, except that a request refused for its stale token is sent again with a fresh one.
 */
export class EtcdClient {
  readonly #options: ResolvedEtcdOptions
  readonly #runtime: Runtime
  readonly #authentication: EtcdAuthentication | undefined
  #endpoints: readonly EtcdEndpoint[]
  #current = 0
  #tls: TlsMaterial | undefined
  readonly #background: BackgroundWork
  #watchdog: Timer | undefined
  #closed = false

  constructor(options: ResolvedEtcdOptions) {
    this.#options = options
    this.#runtime = options.runtime
    this.#background = new BackgroundWork(options)
    this.#tls = options.tls?.material()
    this.#endpoints = this.#makeEndpoints()
    // Clients that start together spread over the members.
    this.#current = Math.floor(this.#runtime.random() * this.#endpoints.length)
    const { credentials } = options
    if (credentials !== undefined) {
      this.#authentication = new EtcdAuthentication(() => this.#authenticate(credentials))
    }
  }

  /**
   * One request, one answer.
   *
   * @throws LibkvError. `retryable` and `ambiguous` tell what may be done about it.
   */
  request<Q, A>(method: Method<Q, A>, payload: Q, call: Call): Promise<A> {
    return this.#authentication === undefined
      ? this.#send(method, payload, noMetadata, call)
      : this.#sendAs(this.#authentication, method, payload, call)
  }

  /** Opens a stream. It has an `error` listener; what it reports is for {@link EtcdClient.streamFailed}. */
  async stream<Q, A>(
    method: Method<Q, A>,
    call: Call,
  ): Promise<{ stream: Stream<Q, A>; metadata: Metadata }> {
    const token = (await this.#authentication?.metadata()) ?? noMetadata
    const metadata = token.clone()
    // A member that is cut off from the others ends the stream instead of falling silent.
    metadata.set('hasleader', 'true')
    const endpoint = this.#ready() ?? (await this.#connect(call))
    if (call.settled) throw new LibkvError('CLOSED', 'nobody waits for the stream any more')
    return { stream: endpoint.stream(method, metadata), metadata: token }
  }

  /** What the end of a stream means. A token that is stale is renewed for the next one. */
  streamFailed(error: unknown, metadata: Metadata): LibkvError {
    const failure = errorOf(error)
    if (this.#authentication === undefined || !isStaleToken(failure.message)) return failure
    this.#authentication.invalidate(metadata)
    return new LibkvError('NOT_REACHABLE', failure.message, {
      retryable: true,
      cause: failure.cause,
    })
  }

  close(): void {
    this.#closed = true
    this.#watchdog?.cancel()
    for (const endpoint of this.#endpoints) endpoint.close()
  }

  async #sendAs<Q, A>(
    authentication: EtcdAuthentication,
    method: Method<Q, A>,
    payload: Q,
    call: Call,
  ): Promise<A> {
    const metadata = await authentication.metadata()
    try {
      return await this.#send(method, payload, metadata, call)
    } catch (error) {
      if (!isStaleToken((error as LibkvError).message)) throw error
      authentication.invalidate(metadata)
      return await this.#send(method, payload, await authentication.metadata(), call)
    }
  }

  #send<Q, A>(method: Method<Q, A>, payload: Q, metadata: Metadata, call: Call): Promise<A> {
    const endpoint = this.#ready()
    return endpoint === undefined
      ? this.#connect(call).then((connected) =>
          this.#sendTo(connected, method, payload, metadata, call),
        )
      : this.#sendTo(endpoint, method, payload, metadata, call)
  }

  #sendTo<Q, A>(
    endpoint: EtcdEndpoint,
    method: Method<Q, A>,
    payload: Q,
    metadata: Metadata,
    call: Call,
  ): Promise<A> {
    this.#watch()
    return endpoint.request(method, payload, metadata, call, this.#runtime.now())
  }

  /** It belongs to no call, for all of them wait for it: so it has a time limit of its own. */
  async #authenticate(credentials: { name: string; password: string }): Promise<string> {
    const reply = await this.#background.run((call) =>
      this.#send(authenticate, credentials, noMetadata, call),
    )
    return reply.token
  }

  /** A member to ask now: the one that was asked last, or another one that is connected. */
  #ready(): EtcdEndpoint | undefined {
    const current = this.#endpoints[this.#current]
    if (current?.isReady === true && !current.suspect) return current
    // Where all are suspect, as during an election, none is worse than the others.
    const anyOfThem = this.#endpoints.every(({ suspect }) => suspect)
    const next = this.#endpoints.findIndex(
      ({ isReady, suspect }) => isReady && (anyOfThem || !suspect),
    )
    if (next >= 0) this.#current = next
    return this.#endpoints[next]
  }

  /** Connects to all members at once and takes the first that is there. */
  async #connect(call: Call): Promise<EtcdEndpoint> {
    this.#rereadTls()
    for (;;) {
      const endpoint = this.#ready()
      if (endpoint !== undefined) return endpoint
      if (this.#closed) throw new LibkvError('CLOSED', 'the store is closed')
      const wait = call.connectDeadline - this.#runtime.now()
      if (wait <= 0 || call.settled) {
        // Better one that was slow to answer than none.
        const last = this.#endpoints.find(({ isReady }) => isReady)
        if (last !== undefined) return last
        throw unreachable('etcd', this.#endpoints)
      }
      // To send on a connection that failed tells why it did.
      const candidates = this.#endpoints.filter(({ suspect }) => !suspect)
      if (candidates.length > 0 && candidates.every(({ hasFailed }) => hasFailed)) {
        this.#current = (this.#current + 1) % this.#endpoints.length
        const next = this.#endpoints[this.#current]
        if (next !== undefined && !next.isReady) return next
      }
      await this.#stateChange(wait, call)
    }
  }

  #stateChange(wait: number, call: Call): Promise<void> {
    return new Promise((resolve) => {
      call.onCancel(resolve)
      const until = this.#runtime.wallClock() + wait
      for (const endpoint of this.#endpoints) endpoint.onStateChange(until, resolve)
    })
  }

  /** Certificates may have been rotated: new connections are made with what the files hold now. */
  #rereadTls(): void {
    const tls = this.#options.tls?.material()
    if (tls === this.#tls) return
    this.#tls = tls
    const old = this.#endpoints
    this.#endpoints = this.#makeEndpoints()
    for (const endpoint of old) endpoint.close()
  }

  #makeEndpoints(): EtcdEndpoint[] {
    const { addresses } = this.#options
    return addresses.map((address) => new EtcdEndpoint(address, this.#tls, addresses.length === 1))
  }

  /**
   * Watches over members that keep requests waiting, where there are others to turn to: a frozen server, or one without
   * its quorum, looks like a slow one until it is asked.
   */
  #watch(): void {
    if (this.#endpoints.length === 1 || this.#watchdog !== undefined || this.#closed) return
    this.#watchdog = this.#runtime.setTimer(
      () => {
        this.#watchdog = undefined
        const now = this.#runtime.now()
        for (const endpoint of this.#endpoints) {
          if (now - endpoint.waitingSince > PATIENCE) void this.#probe(endpoint)
        }
        if (this.#endpoints.some(({ requests }) => requests > 0)) this.#watch()
      },
      PATIENCE / 2,
      false,
    )
  }

  readonly #probing = new Set<EtcdEndpoint>()

  async #probe(endpoint: EtcdEndpoint): Promise<void> {
    if (this.#probing.has(endpoint) || endpoint.suspect) return
    this.#probing.add(endpoint)
    const call = new BackgroundCall({
      runtime: this.#runtime,
      requestTimeout: PROBE_TIMEOUT,
      connectionTimeout: PROBE_TIMEOUT,
    })
    try {
      const metadata = this.#authentication?.known ?? noMetadata
      await endpoint.request(range, { key: 'health' }, metadata, call, this.#runtime.now())
    } catch (error) {
      // An answer, if only to say no, shows that it is there.
      const status = (error as LibkvError & { cause?: GrpcError }).cause?.code
      if (status === CANCELLED || status === UNAVAILABLE) this.#abandon(endpoint)
    } finally {
      call.done()
      this.#probing.delete(endpoint)
    }
  }

  /** Turns away from a member, and looks now and then whether it is back. */
  #abandon(endpoint: EtcdEndpoint): void {
    endpoint.abandon()
    this.#runtime.setTimer(
      () => {
        endpoint.suspect = false
      },
      10 * PATIENCE,
      false,
    )
  }
}
