import { LibkvError } from '@libkv/core'
import { unreachable } from '@libkv/core/driver'
import type { Call } from '@libkv/core/driver'
import type { Runtime, Timer } from '@libkv/core'
import { ConsulEndpoint } from './consul-endpoint.ts'
import type { WireAnswer } from './consul-connections.ts'
import type { WireRequest } from './consul-endpoint.ts'
import { errorOfAnswer } from './consul-errors.ts'
import type { ResolvedConsulOptions } from './consul-options.ts'

/** An agent that has kept a request waiting for this long is asked whether it is there, in milliseconds. */
const PATIENCE = 1_000
/** Blocking queries are silent by nature: an agent that has some is asked this often whether it is there, and who leads. */
const SILENCE = 2_000
/** How long others are preferred to an agent that has lost the servers. */
const AVOIDANCE = 2_000

/**
 * The wire: requests to whichever agent answers. It tells what a failure means and whether the request was sent, and
 * repeats nothing.
 */
export class ConsulClient {
  readonly #options: ResolvedConsulOptions
  readonly #runtime: Runtime
  readonly #endpoints: readonly ConsulEndpoint[]
  readonly #probing = new Set<ConsulEndpoint>()
  #current: number
  #watchdog: Timer | undefined
  #closed = false

  constructor(options: ResolvedConsulOptions) {
    this.#options = options
    this.#runtime = options.runtime
    // What is wrong with the options is to be said now.
    options.tls?.material()
    this.#endpoints = options.addresses.map((address) => new ConsulEndpoint(address, options))
    // Clients that start together spread over the agents.
    this.#current = Math.floor(this.#runtime.random() * this.#endpoints.length)
  }

  /**
   * One request, one answer. Any status but those `accepted` is an error.
   *
   * @throws LibkvError. `retryable` and `ambiguous` tell what may be done about it.
   */
  async request(
    request: WireRequest,
    accepted: readonly number[],
    call: Call,
  ): Promise<WireAnswer> {
    const endpoint = this.#ready() ?? (await this.#connect(call))
    this.#watch()
    const answer = await endpoint.request(request, call)
    if (accepted.includes(answer.status)) return answer
    const error = errorOfAnswer(answer.status, answer.body.toString(), endpoint.context)
    throw this.#noted(error, endpoint, request.method)
  }

  /** Resolves when an agent answers now. */
  async ping(call: Call): Promise<void> {
    const { status, body } = await this.request(
      { method: 'GET', path: 'status/leader' },
      [200, 403],
      call,
    )
    if (status === 200 && body.length <= 3) {
      throw new LibkvError(
        'NOT_REACHABLE',
        'the agent has no leader: the servers behind it are electing one, or have no quorum',
        { retryable: true },
      )
    }
  }

  close(): void {
    this.#closed = true
    this.#watchdog?.cancel()
    for (const endpoint of this.#endpoints) endpoint.close()
  }

  /** An agent without a leader is left for another one. */
  #noted(error: LibkvError, endpoint: ConsulEndpoint, method: string): LibkvError {
    if (error.retryable) endpoint.avoidedUntil = this.#runtime.now() + AVOIDANCE
    if (method !== 'GET' || !error.ambiguous) return error
    return error.with({ ambiguous: false })
  }

  /** An agent to ask now: the one that was asked last, or another one that has answered. */
  #ready(): ConsulEndpoint | undefined {
    const current = this.#endpoints[this.#current]
    if (current?.proven === true && !this.#isAvoided(current)) return current
    const proven = this.#endpoints.filter((endpoint) => endpoint.proven)
    const next = proven.find((endpoint) => !this.#isAvoided(endpoint))
    if (next !== undefined) this.#current = this.#endpoints.indexOf(next)
    if (next !== undefined) return next
    if (proven.length === 0) return undefined
    // All are avoided, as during an election: the one that has been for longest, unless those that are gone have come back.
    for (const endpoint of this.#endpoints) {
      if (!endpoint.proven) endpoint.prove(this.#options.connectionTimeout).catch(() => undefined)
    }
    return proven.reduce((a, b) => (a.avoidedUntil <= b.avoidedUntil ? a : b))
  }

  #isAvoided({ avoidedUntil }: ConsulEndpoint): boolean {
    return avoidedUntil !== 0 && avoidedUntil > this.#runtime.now()
  }

  /** Asks all agents at once and takes the first that answers. */
  async #connect(call: Call): Promise<ConsulEndpoint> {
    if (this.#closed) throw new LibkvError('CLOSED', 'the store is closed')
    const wait = call.connectDeadline - this.#runtime.now()
    const candidates = this.#endpoints.filter(({ proven }) => !proven)
    const proofs = candidates.map((endpoint) =>
      endpoint.prove(this.#options.connectionTimeout).then(() => endpoint),
    )
    const first = await this.#inTime(Promise.any(proofs), Math.max(0, wait), call)
    if (first instanceof ConsulEndpoint) {
      this.#current = this.#endpoints.indexOf(first)
      return first
    }
    // Better one that is without a leader than none.
    const any = this.#endpoints.find(({ proven }) => proven)
    if (any !== undefined) return any
    throw unreachable('consul', this.#endpoints)
  }

  /** What the work comes to: its result, its error, or undefined when the time is over. */
  #inTime<T>(work: Promise<T>, ms: number, call: Call): Promise<unknown> {
    return new Promise((resolve) => {
      const timer = this.#runtime.setTimer(() => {
        resolve(undefined)
      }, ms)
      const done = (result: unknown): void => {
        timer.cancel()
        resolve(result)
      }
      call.onCancel(() => {
        done(undefined)
      })
      work.then(done, done)
    })
  }

  /**
   * Watches over agents that keep requests waiting: a frozen agent, or one that cannot reach its servers, looks like a slow
   * one until it is asked. Where there is no other to turn to, only a change of the leader is to be noticed.
   */
  #watch(): void {
    if (this.#watchdog !== undefined || this.#closed) return
    this.#watchdog = this.#runtime.setTimer(
      () => {
        this.#watchdog = undefined
        const now = this.#runtime.now()
        const isAlone = this.#endpoints.length === 1
        // Where to turn to is to be known by the time that the slow one is given up.
        const isSlow =
          !isAlone && this.#endpoints.some(({ waitingSince }) => now - waitingSince > PATIENCE)
        for (const endpoint of this.#endpoints) {
          const isQuiet = endpoint.hasBlockingQueries && now - endpoint.provedAt > SILENCE
          if (isAlone && isQuiet) endpoint.prove(PATIENCE).catch(() => undefined)
          else if (isSlow || isQuiet) void this.#probe(endpoint)
        }
        if (this.#endpoints.some(({ isUsed }) => isUsed)) this.#watch()
      },
      PATIENCE / 2,
      false,
    )
  }

  async #probe(endpoint: ConsulEndpoint): Promise<void> {
    if (this.#probing.has(endpoint)) return
    this.#probing.add(endpoint)
    try {
      await endpoint.prove(PATIENCE)
      // It is there, but has kept a call waiting: its leader may not be.
      const now = this.#runtime.now()
      if (now - endpoint.waitingSince > 2 * PATIENCE) {
        endpoint.avoidedUntil = now + AVOIDANCE
        endpoint.abandonReads(now - 2 * PATIENCE)
      }
    } catch {
      endpoint.abandon()
    } finally {
      this.#probing.delete(endpoint)
    }
  }
}
