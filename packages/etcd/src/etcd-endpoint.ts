import type { ClientUnaryCall, Metadata, ServiceError } from '@grpc/grpc-js'
import type { LibkvError } from '@libkv/core'
import { Endpoint, throwIfSettled } from '@libkv/core/driver'
import type { Call, EndpointOptions, InFlightRequest, TlsSource } from '@libkv/core/driver'
import { EtcdConnection } from './etcd-connection.ts'
import type { RangeRequest } from './etcd-codec.ts'
import type { Method, Stream } from './etcd-connection.ts'
import { CANCELLED, UNAVAILABLE, errorOf, isOfMember } from './etcd-errors.ts'
import { range } from './etcd-methods.ts'

const noOptions = {}

/** What an {@link EtcdEndpoint} needs beside the options of every endpoint. */
export interface EtcdEndpointOptions extends EndpointOptions {
  readonly tls: TlsSource | undefined
  /** The metadata of a probe: it shows who sends it, if that is known. */
  readonly metadata: () => Metadata
}

interface UnaryRequest<Q> {
  readonly payload: Q
  readonly metadata: Metadata
  readonly isProbe: boolean
}

/** One etcd member: one connection for everything. */
export class EtcdEndpoint extends Endpoint {
  readonly #options: EtcdEndpointOptions
  #connection: EtcdConnection | undefined

  constructor(address: string, options: EtcdEndpointOptions) {
    super(address, options)
    this.#options = options
  }

  override get isHealthy(): boolean {
    return super.isHealthy && this.#connection?.isReady === true
  }

  override close(): void {
    // A channel that is closed goes on with its open streams.
    this.abandon(() => true)
    this.#connection?.close()
    this.#connection = undefined
  }

  request<Q, A>(method: Method<Q, A>, payload: Q, metadata: Metadata, call: Call): Promise<A> {
    return this.#send(method, { payload, metadata, isProbe: false }, call)
  }

  #send<Q, A>(
    method: Method<Q, A>,
    { payload, metadata, isProbe }: UnaryRequest<Q>,
    call: Call,
  ): Promise<A> {
    const { client, encode, decode } = this.#open().bind(method)
    return new Promise<A>((resolve, reject) => {
      throwIfSettled(call)
      call.markSent()
      const inFlight: InFlightRequest = {
        since: this.runtime.now(),
        kind: method.isRead === true ? 'read' : 'write',
        abandon: (error) => {
          reject(error)
          request.cancel()
        },
      }
      const request: ClientUnaryCall = client.makeUnaryRequest<Q, A>(
        method.path,
        encode,
        decode,
        payload,
        metadata,
        noOptions,
        (error, answer) => {
          if (!this.ended(inFlight)) return
          if (error === null) {
            this.answered()
            if (!isProbe) this.served()
            resolve(answer as A)
          } else {
            reject(this.#noted(error, isProbe))
          }
        },
      )
      this.started(inFlight)
      call.onCancel(() => {
        this.cancelled(inFlight)
        request.cancel()
      })
    })
  }

  /** A stream whose first message is a request: until the member answers it, it counts as waiting. */
  stream<Q, A>(method: Method<Q, A>, metadata: Metadata): Stream<Q, A> {
    const { client, encode, decode } = this.#open().bind(method)
    const stream = client.makeBidiStreamRequest<Q, A>(
      method.path,
      encode,
      decode,
      metadata,
      noOptions,
    )
    const abandon = (): void => {
      stream.cancel()
    }
    const idle: InFlightRequest = { since: Infinity, kind: 'silent', abandon }
    const waiting: InFlightRequest = { since: this.runtime.now(), kind: 'write', abandon }
    this.started(waiting)
    stream.once('data', () => {
      this.answered()
      this.served()
      if (this.ended(waiting)) this.started(idle)
    })
    const end = (): void => {
      this.ended(waiting)
      this.ended(idle)
    }
    // A stream that was cancelled reports that, too, and an error that nobody hears ends the process.
    stream.on('error', (error: ServiceError) => {
      end()
      this.#noted(error)
    })
    stream.on('end', end)
    return stream
  }

  /** A member sends its settings when a connection is made. */
  protected override async reach(call: Call): Promise<void> {
    // Certificates may have been rotated: new connections are made with what the files hold now.
    const old = this.#connection
    if (old !== undefined && old.tls !== this.#options.tls?.material()) this.close()
    const wait = call.deadline - this.runtime.now()
    const isNew = await this.#open().connect(this.runtime.wallClock() + wait)
    // To send on a connection that failed tells why it did.
    if (!isNew) await this.#ask(true, call)
  }

  protected override disconnect(): void {
    this.close()
  }

  protected override async serves(call: Call): Promise<boolean> {
    const [, serves] = await Promise.all([
      this.#ask(true, call),
      this.#ask(false, call).then(
        () => true,
        () => false,
      ),
    ])
    return serves
  }

  /** Reads a key: what the member itself has, or after it has asked its cluster. A refusal is an answer. */
  async #ask(stale: boolean, call: Call): Promise<void> {
    const question: RangeRequest = { key: 'health', stale }
    try {
      const request = { payload: question, metadata: this.#options.metadata(), isProbe: true }
      await this.#send(range, request, call)
    } catch (error) {
      const { code } = (error as LibkvError & { cause?: { code?: number } }).cause ?? {}
      if (code === undefined || code === CANCELLED || code === UNAVAILABLE) throw error
    }
  }

  #open(): EtcdConnection {
    return (this.#connection ??= new EtcdConnection(this.address, this.#options.tls?.material()))
  }

  /** The error, once the pool knows what it says about the member. */
  #noted(error: ServiceError, isProbe = false): LibkvError {
    const failure = errorOf(error, this.context)
    const code = error.code as number
    if (code !== CANCELLED && (code !== UNAVAILABLE || isOfMember(error))) {
      this.answered()
      if (!isProbe) this.refused(failure)
    } else if (code === UNAVAILABLE) {
      this.failed(failure)
    }
    return failure
  }
}
