import { LibkvError } from '@libkv/core'
import { EndpointPool } from '@libkv/core/driver'
import type { Call } from '@libkv/core/driver'
import type { WireAnswer } from './consul-connections.ts'
import { ConsulEndpoint } from './consul-endpoint.ts'
import type { WireRequest } from './consul-endpoint.ts'
import { errorOfAnswer } from './consul-errors.ts'
import type { ResolvedConsulOptions } from './consul-options.ts'

/** Blocking queries are silent by nature: an agent that has some is asked this often whether it is there, and who leads, in ms. */
const SILENCE = 2_000

/**
 * The wire: requests to whichever agent answers. It tells what a failure means and whether the request was sent, and
 * repeats nothing.
 */
export class ConsulClient {
  readonly #pool: EndpointPool<ConsulEndpoint>

  constructor(options: ResolvedConsulOptions) {
    const { addresses, runtime, tls } = options
    // What is wrong with the files is reported now.
    tls?.material()
    const endpoints = addresses.map((address) => new ConsulEndpoint(address, options))
    this.#pool = new EndpointPool(endpoints, {
      backend: 'consul',
      runtime,
      silentProbeInterval: SILENCE,
    })
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
    const chosen = this.#pool.choose(call)
    const endpoint = chosen instanceof Promise ? await chosen : chosen
    this.#pool.watch()
    const answer = await endpoint.request(request, call)
    if (accepted.includes(answer.status)) {
      endpoint.served()
      return answer
    }
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
    this.#pool.close()
  }

  /** An agent without a leader is left for another one. */
  #noted(error: LibkvError, endpoint: ConsulEndpoint, method: string): LibkvError {
    endpoint.refused(error)
    if (error.retryable) endpoint.degrade()
    if (method !== 'GET' || !error.ambiguous) return error
    return error.with({ ambiguous: false })
  }
}
