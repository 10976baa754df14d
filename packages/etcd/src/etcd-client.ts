import { Metadata } from '@grpc/grpc-js'
import { LibkvError } from '@libkv/core'
import { BackgroundWork, EndpointPool, throwIfSettled } from '@libkv/core/driver'
import type { Call } from '@libkv/core/driver'
import { EtcdAuthentication } from './etcd-authentication.ts'
import type { Method, Stream } from './etcd-connection.ts'
import { EtcdEndpoint } from './etcd-endpoint.ts'
import { errorOf, isStaleToken } from './etcd-errors.ts'
import { authenticate } from './etcd-methods.ts'
import type { ResolvedEtcdOptions } from './etcd-options.ts'

const noMetadata = new Metadata()

/**
 * The wire: requests and streams to whichever member answers. It tells what a failure means and whether the request was
 * sent, and repeats nothing, except that a request refused for its stale token is sent again with a fresh one.
 */
export class EtcdClient {
  readonly #authentication: EtcdAuthentication | undefined
  readonly #pool: EndpointPool<EtcdEndpoint>
  readonly #background: BackgroundWork

  constructor(options: ResolvedEtcdOptions) {
    this.#background = new BackgroundWork(options)
    // What is wrong with the files is reported now.
    options.tls?.material()
    const { addresses, runtime, connectionTimeout, tls, credentials } = options
    const endpointOptions = {
      runtime,
      connectionTimeout,
      tls,
      isTls: tls !== undefined,
      isOnly: addresses.length === 1,
      metadata: () => this.#authentication?.known ?? noMetadata,
    }
    const endpoints = addresses.map((address) => new EtcdEndpoint(address, endpointOptions))
    this.#pool = new EndpointPool(endpoints, { backend: 'etcd', runtime })
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
    const endpoint = await this.#pool.choose(call)
    throwIfSettled(call)
    this.#pool.watch()
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
    this.#pool.close()
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
    this.#pool.watch()
    const endpoint = this.#pool.choose(call)
    return endpoint instanceof Promise
      ? endpoint.then((chosen) => chosen.request(method, payload, metadata, call))
      : endpoint.request(method, payload, metadata, call)
  }

  /** It belongs to no call, for all of them wait for it: so it has a time limit of its own. */
  async #authenticate(credentials: { name: string; password: string }): Promise<string> {
    const reply = await this.#background.run((call) =>
      this.#send(authenticate, credentials, noMetadata, call),
    )
    return reply.token
  }
}
