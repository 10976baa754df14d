import { LibkvError } from '../contract/errors.ts'
import type { Runtime } from '../contract/runtime.ts'
import { BackgroundCall } from './background-call.ts'
import type { ConnectionContext } from './connection-reason.ts'
import type { Call } from './driver.ts'
import { heals } from './heals.ts'
import { RepeatBudget } from './repeat-budget.ts'

/** A request that waits for its answer. */
export interface InFlightRequest {
  /** When it was sent, on the monotonic clock. */
  readonly since: number
  /**
   * A `read` can be repeated at another endpoint. A `silent` request is unanswered by nature, such as a blocking query or an idle
   * stream, and does not count as waiting.
   */
  readonly kind: 'read' | 'write' | 'silent'
  /** Rejects the request, because the server does not answer. The request may have been carried out. */
  abandon(error: LibkvError): void
}

/** What an {@link Endpoint} needs of its store. */
export interface EndpointOptions {
  readonly runtime: Runtime
  /** Deadline for reaching a server, in ms. */
  readonly connectionTimeout: number
  readonly isTls: boolean
  /** Whether the store has no other endpoint, so that messages need not name it. */
  readonly isOnly: boolean
}

/** Deadline of the first attempt to connect, in ms. It doubles with each failure, up to `connectionTimeout`. */
const FIRST_ATTEMPT = 1_000
/** The least time between attempts to connect to an endpoint whose last one failed, in ms: 20 a second. */
const ATTEMPT_INTERVAL = 50
/** How long other endpoints are preferred to one whose cluster does not serve, in ms. */
const DEGRADED = 2_000
/** A probe that ends so much later than its deadline shows nothing but that this process was busy, in ms. */
const MAX_LATENESS = 250
/** An endpoint that was silent for this long is probed before its next request once another one has failed, in ms. */
const UNPROVEN = 1_000

/**
 * One server of a store: its health, and the requests that are in flight to it. A backend implements the connections. It reports
 * each request by {@link Endpoint.started} and {@link Endpoint.ended}, each answer by {@link Endpoint.answered}, each failure of a
 * connection by {@link Endpoint.failed}, and what came of a request that was no probe by {@link Endpoint.served} or
 * {@link Endpoint.refused}.
 */
export abstract class Endpoint {
  /** `host:port`. */
  readonly address: string
  /** Called after each failure; set by the pool. */
  onFailure: (() => void) | undefined
  protected readonly runtime: Runtime
  readonly #options: EndpointOptions
  readonly #repeats: RepeatBudget
  readonly #inFlight = new Set<InFlightRequest>()
  /** `unproven`: healthy when it answered last, which was some time ago. */
  #health: 'healthy' | 'unproven' | 'unhealthy' = 'unhealthy'
  #degradedUntil = 0
  #failure: LibkvError | undefined
  #answeredAt = -Infinity
  #probedAt = -Infinity
  #connecting: Promise<void> | undefined
  /** Failed attempts to connect since the last answer. */
  #failures = 0
  #attemptedAt = -Infinity

  constructor(address: string, options: EndpointOptions) {
    this.address = address
    this.runtime = options.runtime
    this.#options = options
    this.#repeats = new RepeatBudget(options.runtime)
  }

  /** Closes all connections. Requests in flight fail. */
  abstract close(): void

  /**
   * Resolves when the server has shown that it is there: by a new connection, if its protocol has the server speak first, else by the
   * answer to a question of no consequence, which does not queue behind values.
   *
   * @throws LibkvError the reason, which {@link Endpoint.failure} then holds.
   */
  protected abstract reach(call: Call): Promise<void>

  /** Drops the connections that did not answer. */
  protected abstract disconnect(): void

  /** Whether the cluster behind the server answers as well. Rejects when the server does not. */
  protected async serves(call: Call): Promise<boolean> {
    await this.reach(call)
    return true
  }

  /** Whether a request may be sent now. */
  get isHealthy(): boolean {
    return this.#health === 'healthy'
  }

  /** Whether others are preferred: it answers, but its cluster does not serve. */
  get isDegraded(): boolean {
    return this.#degradedUntil > 0 && this.#degradedUntil > this.runtime.now()
  }

  /** Until when others are preferred, on the monotonic clock. */
  get degradedUntil(): number {
    return this.#degradedUntil
  }

  /** The last failure to reach it, while it has not answered since. */
  get failure(): LibkvError | undefined {
    return this.#failure
  }

  /** What messages of errors contain about the endpoint. */
  get context(): ConnectionContext {
    const { isOnly, isTls } = this.#options
    return {
      address: isOnly ? undefined : this.address,
      unanswered: this.#answeredAt > -Infinity ? undefined : isTls ? 'tls' : 'plain',
    }
  }

  /** When the request was sent that has waited for its answer for longest; `Infinity` without any. */
  get waitingSince(): number {
    for (const { kind, since } of this.#inFlight) if (kind !== 'silent') return since
    return Infinity
  }

  get isInUse(): boolean {
    return this.#inFlight.size > 0
  }

  /** Whether a request waits that is silent by nature, and the server has not been probed for so many ms. */
  isSilent(ms: number): boolean {
    if (this.runtime.now() - this.#probedAt <= ms) return false
    return [...this.#inFlight].some(({ kind }) => kind === 'silent')
  }

  /** Whether its last answer was a failure, so that requests are not repeated there too often. */
  get isFailing(): boolean {
    return this.#repeats.isLimited
  }

  /** Resolves when a call may be repeated here: 20 calls a second while the server fails. */
  turn(call: Call): Promise<void> {
    return this.#repeats.turn(call)
  }

  /** Records that the server carried out a request. */
  served(): void {
    this.#repeats.lift()
  }

  /** Records that the server answered a request with an error. */
  refused(error: LibkvError): void {
    if (heals(error)) this.#repeats.limit(error)
    else this.#repeats.lift()
  }

  /** Others are preferred for a while: its cluster does not serve. */
  degrade(): void {
    this.#degradedUntil = this.runtime.now() + DEGRADED
  }

  /** Requires a probe before the next request, unless the server has answered just now. */
  doubtIfSilent(): void {
    if (this.runtime.now() - this.#answeredAt > UNPROVEN) this.doubt()
  }

  /**
   * Resolves when the endpoint is healthy. All callers share one attempt; after a failure the next one begins 50 ms after the last
   * one at the earliest.
   *
   * @throws LibkvError
   */
  connect(): Promise<void> {
    return (this.#connecting ??= this.#connect().finally(() => {
      this.#connecting = undefined
    }))
  }

  /**
   * Probes the server. Without an answer its connections are dropped and all requests abandoned, unless it has answered any other
   * request meanwhile.
   *
   * @param timeout - in ms.
   * @returns whether the cluster serves; `undefined` without an answer.
   */
  async probe(timeout: number): Promise<boolean | undefined> {
    const sentAt = this.runtime.now()
    try {
      return await this.#within(timeout, (call) => this.serves(call))
    } catch {
      if (this.#answeredAt > sentAt || this.#isLate(sentAt, timeout)) return true
      this.#health = 'unhealthy'
      this.abandon(() => true)
      this.disconnect()
      this.onFailure?.()
      return undefined
    }
  }

  /** Rejects what waits for a cluster that does not serve; called where there is another endpoint. */
  abandonUnserved(): void {
    this.abandon(({ kind }) => kind !== 'silent')
  }

  /** Rejects requests that are in flight. */
  abandon(isMeant: (request: InFlightRequest) => boolean): void {
    for (const request of [...this.#inFlight].filter(isMeant)) {
      this.#inFlight.delete(request)
      request.abandon(
        new LibkvError('TIMEOUT', `${this.address} does not answer`, {
          retryable: true,
          ambiguous: true,
        }),
      )
    }
  }

  /** Records that a request was sent. */
  protected started(request: InFlightRequest): void {
    this.#inFlight.add(request)
  }

  /** Records that a request is over. Returns false for one that was abandoned. */
  protected ended(request: InFlightRequest): boolean {
    return this.#inFlight.delete(request)
  }

  /** Records an answer of the server, if only a refusal. */
  protected answered(): void {
    this.#failure = undefined
    this.#failures = 0
    this.#answeredAt = this.runtime.now()
    if (this.#health === 'unproven') this.#health = 'healthy'
  }

  /** Records that a connection failed. */
  protected failed(error: LibkvError): void {
    this.#failure = error
    this.#health = 'unhealthy'
    this.onFailure?.()
  }

  /** Records that a caller gave up a request. */
  protected cancelled({ since }: InFlightRequest): void {
    if (this.runtime.now() - since > UNPROVEN && this.#answeredAt <= since) this.doubt()
  }

  /** Requires a probe before the next request. */
  protected doubt(): void {
    if (this.#health === 'healthy') this.#health = 'unproven'
  }

  async #connect(): Promise<void> {
    const { runtime } = this
    const wait = this.#attemptedAt + ATTEMPT_INTERVAL * (1 + runtime.random()) - runtime.now()
    if (this.#failures > 0 && wait > 0) {
      await new Promise<void>((resolve) => {
        runtime.setTimer(resolve, wait, false)
      })
    }
    this.#attemptedAt = runtime.now()
    const { connectionTimeout } = this.#options
    const timeout = Math.min(connectionTimeout, FIRST_ATTEMPT * 2 ** Math.min(this.#failures, 10))
    try {
      await this.#within(timeout, (call) => this.reach(call))
    } catch (error) {
      if (this.#answeredAt > this.#attemptedAt) {
        this.#health = 'healthy'
        return
      }
      this.#failures++
      if (!this.#isLate(this.#attemptedAt, timeout)) this.disconnect()
      throw error
    }
  }

  /** Whether this process was too busy to read an answer. */
  #isLate(sentAt: number, timeout: number): boolean {
    return this.runtime.now() - sentAt > timeout + MAX_LATENESS
  }

  async #within<T>(timeout: number, work: (call: Call) => Promise<T>): Promise<T> {
    const { runtime } = this
    const call = new BackgroundCall({
      runtime,
      requestTimeout: timeout,
      connectionTimeout: timeout,
    })
    try {
      const result = await work(call)
      this.#health = 'healthy'
      this.#probedAt = runtime.now()
      return result
    } finally {
      call.done()
    }
  }
}
