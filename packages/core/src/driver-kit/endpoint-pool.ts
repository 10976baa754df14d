import { LibkvError } from '../contract/errors.ts'
import type { Runtime, Timer } from '../contract/runtime.ts'
import { unreachable } from './connection-reason.ts'
import type { Call } from './driver.ts'
import type { Endpoint } from './endpoint.ts'

/** What an {@link EndpointPool} needs of its store. */
export interface EndpointPoolOptions {
  readonly backend: string
  readonly runtime: Runtime
  /**
   * How often an endpoint is probed at which nothing waits but requests that are silent by nature, in ms.
   *
   * @default never
   */
  readonly silentProbeInterval?: number | undefined
}

/** A request that waits for this long has its endpoint probed, in ms. */
const PATIENCE = 1_000
/** Deadline of such a probe, in ms. */
const PROBE_TIMEOUT = 1_000

/**
 * The servers of a store. It prefers the endpoint that was used last, connects to all of them at once where none is healthy, probes
 * those that leave requests unanswered, and fails over.
 *
 * A frozen server, or one without a quorum, looks like a slow one until it is probed. A server that answers the probe is left
 * only for another one; one that does not has its connections dropped, also where there is no other.
 */
export class EndpointPool<E extends Endpoint> {
  readonly endpoints: readonly E[]
  readonly #options: EndpointPoolOptions
  readonly #runtime: Runtime
  readonly #probing = new Set<E>()
  #current: number
  #watchdog: Timer | undefined
  #isClosed = false

  constructor(endpoints: readonly E[], options: EndpointPoolOptions) {
    this.endpoints = endpoints
    this.#options = options
    this.#runtime = options.runtime
    // Clients that start together spread over the servers.
    this.#current = Math.floor(this.#runtime.random() * endpoints.length)
    for (const endpoint of endpoints) {
      // An old connection may have died with the one that failed.
      endpoint.onFailure = () => {
        for (const other of endpoints) if (other !== endpoint) other.doubtIfSilent()
      }
    }
  }

  /** The endpoint to send to now; undefined while none is healthy. */
  get preferred(): E | undefined {
    const current = this.endpoints[this.#current]
    if (current?.isHealthy === true && !current.isDegraded) return current
    const healthy = this.endpoints.filter(({ isHealthy }) => isHealthy)
    const next = healthy.find(({ isDegraded }) => !isDegraded)
    if (next !== undefined) this.#current = this.endpoints.indexOf(next)
    if (next !== undefined || healthy.length === 0) return next
    // No cluster serves, as during an election: look whether those that are gone are back, and use what there is.
    for (const endpoint of this.endpoints) {
      if (!endpoint.isHealthy) endpoint.connect().catch(() => undefined)
    }
    return healthy.reduce((a, b) => (a.degradedUntil <= b.degradedUntil ? a : b))
  }

  /**
   * The endpoint to send to: the preferred one, or the first that connects. A call that is repeated goes to one that does not fail,
   * or waits for its turn where all do.
   *
   * @throws LibkvError `NOT_REACHABLE`, or the last failure of the endpoint; `CLOSED`.
   */
  choose(call: Call): E | Promise<E> {
    const { preferred } = this
    if (preferred === undefined) return this.connect(call)
    if (call.isRepeated !== true || !preferred.isFailing) return preferred
    const other = this.endpoints.find(
      ({ isHealthy, isDegraded, isFailing }) => isHealthy && !isDegraded && !isFailing,
    )
    if (other === undefined) {
      return preferred.turn(call).then(() => this.preferred ?? this.connect(call))
    }
    this.#current = this.endpoints.indexOf(other)
    return other
  }

  /**
   * Connects to all endpoints at once and resolves with the first that is healthy.
   *
   * @throws LibkvError `NOT_REACHABLE`, with the reason of each endpoint; `CLOSED`.
   */
  async connect(call: Call): Promise<E> {
    if (this.#isClosed) throw new LibkvError('CLOSED', 'the store is closed')
    const attempts = this.endpoints
      .filter(({ isHealthy }) => !isHealthy)
      .map((endpoint) => endpoint.connect().then(() => endpoint))
    const first = await this.#firstOf(attempts, call)
    if (first !== undefined) {
      this.#current = this.endpoints.indexOf(first)
      return first
    }
    // Better one whose cluster does not serve than none.
    const any = this.endpoints.find(({ isHealthy }) => isHealthy)
    if (any !== undefined) return any
    throw unreachable(this.#options.backend, this.endpoints)
  }

  /** Call when a request was sent: endpoints with requests in flight are watched. */
  watch(): void {
    if (this.#watchdog !== undefined || this.#isClosed) return
    this.#watchdog = this.#runtime.setTimer(
      () => {
        this.#watchdog = undefined
        this.#check()
        if (this.endpoints.some((endpoint) => this.#mayHang(endpoint))) this.watch()
      },
      PATIENCE / 2,
      false,
    )
  }

  close(): void {
    this.#isClosed = true
    this.#watchdog?.cancel()
    for (const endpoint of this.endpoints) endpoint.close()
  }

  #check(): void {
    const { silentProbeInterval = Infinity } = this.#options
    const now = this.#runtime.now()
    for (const endpoint of this.endpoints) {
      const isSlow = now - endpoint.waitingSince > PATIENCE
      if (isSlow || endpoint.isSilent(silentProbeInterval)) void this.#probe(endpoint)
    }
  }

  /** Whether a request to it waits that has to be watched. */
  #mayHang({ isInUse, waitingSince }: E): boolean {
    return this.#options.silentProbeInterval === undefined ? waitingSince < Infinity : isInUse
  }

  async #probe(endpoint: E): Promise<void> {
    if (this.#probing.has(endpoint)) return
    this.#probing.add(endpoint)
    const serves = await endpoint.probe(PROBE_TIMEOUT)
    this.#probing.delete(endpoint)
    if (serves !== false || this.endpoints.length === 1) return
    endpoint.degrade()
    endpoint.abandonUnserved()
  }

  /** The first endpoint that connects before the connection deadline of the call; undefined without any. */
  #firstOf(attempts: readonly Promise<E>[], call: Call): Promise<E | undefined> {
    const wait = Math.max(0, call.connectDeadline - this.#runtime.now())
    return new Promise((resolve) => {
      // It keeps the process alive: a watch may be all that waits.
      const timer = this.#runtime.setTimer(() => {
        resolve(undefined)
      }, wait)
      const done = (first?: E): void => {
        timer.cancel()
        resolve(first)
      }
      call.onCancel(() => {
        done()
      })
      Promise.any(attempts).then(done, () => {
        done()
      })
    })
  }
}
