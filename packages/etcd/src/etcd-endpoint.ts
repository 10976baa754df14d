import { Channel, connectivityState, credentials } from '@grpc/grpc-js'
import type {
  ChannelCredentials,
  ChannelOptions,
  Client,
  ClientDuplexStream,
  ClientUnaryCall,
  Metadata,
  MethodDefinition,
  ServiceClientConstructor,
  ServiceError,
} from '@grpc/grpc-js'
import { LibkvError } from '@libkv/core'
import type { Call, ConnectionContext, TlsMaterial } from '@libkv/core/driver'
// etcd3 keeps its wire (proto files, services, channels) in this class; its index exports only what retries on top of it.
import { Host } from 'etcd3/lib/connection-pool.js'
import { isIP } from 'node:net'
import { checkServerIdentity } from 'node:tls'
import { CANCELLED, UNAVAILABLE, errorOf } from './etcd-errors.ts'

export type Service = 'KV' | 'Watch' | 'Lease' | 'Auth'

/** A method of etcd's API; without a codec of its own, etcd3's is used. */
export interface Method<Q, A> {
  readonly service: Service
  readonly path: string
  readonly encode?: (payload: Q) => Uint8Array
  readonly decode?: (message: Buffer) => A
}

export type Stream<Q, A> = ClientDuplexStream<Q, A>

/** Fault handling is switched off: it repeats writes whose answer was lost, and shuts out hosts that are well. */
const noFaultHandling = { execute: (work: () => unknown) => work() } as unknown as NonNullable<
  ConstructorParameters<typeof Host>[3]
>

const { READY, TRANSIENT_FAILURE, SHUTDOWN } = connectivityState

/** One etcd member: one connection for everything. */
export class EtcdEndpoint {
  readonly address: string
  /** Asked and not answering. Others are preferred until it answers again. */
  suspect = false
  /** The last failure of a request, while none has been answered since. */
  failure: LibkvError | undefined
  readonly #isTls: boolean
  readonly #isOnly: boolean
  #hasAnswered = false
  readonly #channel: Channel
  readonly #host: Host
  readonly #services = new Map<Service, Client>()
  /** The requests that wait for an answer, and since when. */
  readonly #requests = new Map<ClientUnaryCall, number>()
  readonly #streams = new Set<Stream<unknown, unknown>>()

  /** @param isOnly - whether the store has no other endpoint, so that messages need not name it. */
  constructor(address: string, tls: TlsMaterial | undefined, isOnly: boolean) {
    this.address = address
    this.#isTls = tls !== undefined
    this.#isOnly = isOnly
    const options = channelOptions(address, tls)
    this.#channel = new Channel(address, channelCredentials(address, tls), options)
    this.#host = new Host(
      address,
      credentials.createInsecure(), // The channel is ours already; Host asks for credentials all the same.
      { ...options, channelOverride: this.#channel },
      noFaultHandling,
    )
  }

  get isReady(): boolean {
    return this.#channel.getConnectivityState(false) === READY
  }

  /** What the messages of errors say about the endpoint. */
  get context(): ConnectionContext {
    return {
      address: this.#isOnly ? undefined : this.address,
      unanswered: this.#hasAnswered ? undefined : this.#isTls ? 'tls' : 'plain',
    }
  }

  /** Whether the last attempt to connect failed. */
  get hasFailed(): boolean {
    return this.#channel.getConnectivityState(false) === TRANSIENT_FAILURE
  }

  /**
   * Connects if it has not yet, and calls back once, when the state of the connection is another one or `until`
   * (milliseconds since 1970) is past.
   */
  onStateChange(until: number, callback: () => void): void {
    const state = this.#channel.getConnectivityState(true)
    if (state === SHUTDOWN) callback()
    else this.#channel.watchConnectivityState(state, until, callback)
  }

  request<Q, A>(
    method: Method<Q, A>,
    payload: Q,
    metadata: Metadata,
    call: Call,
    now: number,
  ): Promise<A> {
    const { client, encode, decode } = this.#bind(method)
    return new Promise<A>((resolve, reject) => {
      if (call.settled) {
        reject(new LibkvError('CLOSED', 'nobody waits for the answer any more'))
        return
      }
      call.markSent()
      const request: ClientUnaryCall = client.makeUnaryRequest<Q, A>(
        method.path,
        encode,
        decode,
        payload,
        metadata,
        noOptions,
        (error, answer) => {
          this.#requests.delete(request)
          if (error === null) {
            this.suspect = false
            this.failure = undefined
            this.#hasAnswered = true
            resolve(answer as A)
          } else {
            reject(this.#meaningOf(error))
          }
        },
      )
      this.#requests.set(request, now)
      call.onCancel(() => {
        request.cancel()
      })
    })
  }

  stream<Q, A>(method: Method<Q, A>, metadata: Metadata): Stream<Q, A> {
    const { client, encode, decode } = this.#bind(method)
    const stream = client.makeBidiStreamRequest<Q, A>(
      method.path,
      encode,
      decode,
      metadata,
      noOptions,
    )
    const open = stream as unknown as Stream<unknown, unknown>
    this.#streams.add(open)
    // A stream that was cancelled reports that, too, and an error that nobody hears ends the process.
    stream.on('error', () => this.#streams.delete(open))
    stream.on('end', () => this.#streams.delete(open))
    return stream
  }

  /** Since when, on the monotonic clock, the oldest request has been waiting. */
  get waitingSince(): number {
    for (const since of this.#requests.values()) return since
    return Infinity
  }

  get requests(): number {
    return this.#requests.size
  }

  /** Gives up what is open: the member does not answer. Requests end with `CANCELLED`, streams with an error. */
  abandon(): void {
    this.suspect = true
    for (const request of [...this.#requests.keys()]) request.cancel()
    for (const stream of [...this.#streams]) stream.cancel()
  }

  close(): void {
    for (const stream of [...this.#streams]) stream.cancel()
    this.#host.close()
    this.#channel.close()
  }

  #meaningOf(error: ServiceError): LibkvError {
    const code = error.code as number
    if (code !== CANCELLED && code !== UNAVAILABLE) this.#hasAnswered = true
    const failure = errorOf(error, this.context)
    if (code === UNAVAILABLE) this.failure = failure
    if (code !== CANCELLED || !this.suspect) return failure
    // Abandoned: it may have been carried out.
    return new LibkvError('TIMEOUT', `${this.address} does not answer`, {
      retryable: true,
      ambiguous: true,
      cause: failure.cause,
    })
  }

  #bind<Q, A>({ service, path, encode, decode }: Method<Q, A>): Bound<Q, A> {
    let client = this.#services.get(service)
    if (client === undefined) {
      client = this.#host.getServiceClient(service)
      this.#services.set(service, client)
    }
    if (encode !== undefined && decode !== undefined) {
      return { client, encode: encode as Bound<Q, A>['encode'], decode }
    }
    const { service: methods } = client.constructor as ServiceClientConstructor
    const definition = Object.values(methods).find((method) => method.path === path)
    if (definition === undefined) throw new TypeError(`etcd3 has no ${path}`)
    const { requestSerialize, responseDeserialize } = definition as MethodDefinition<Q, A>
    return { client, encode: requestSerialize, decode: responseDeserialize }
  }
}

interface Bound<Q, A> {
  readonly client: Client
  readonly encode: (payload: Q) => Buffer
  readonly decode: (message: Buffer) => A
}

const noOptions = {}

function channelCredentials(address: string, tls: TlsMaterial | undefined): ChannelCredentials {
  if (tls === undefined) return credentials.createInsecure()
  const { context, rejectUnauthorized } = tls
  const host = tls.servername ?? hostOf(address)
  return credentials.createFromSecureContext(context, {
    rejectUnauthorized,
    checkServerIdentity: (_, certificate) => checkServerIdentity(host, certificate),
  })
}

/** The name that TLS asks for. It must not be an IP address (RFC 6066), and grpc-js would take one. */
function serverName(address: string, tls: TlsMaterial): string {
  const host = hostOf(address)
  return tls.servername ?? (isIP(host) === 0 ? host : 'etcd')
}

const hostOf = (address: string): string =>
  address.slice(0, address.lastIndexOf(':')).replace(/^\[|\]$/g, '')

function channelOptions(address: string, tls: TlsMaterial | undefined): ChannelOptions {
  return {
    // Lists and backlogs may be larger than the 4 MiB of the default.
    'grpc.max_receive_message_length': -1,
    'grpc.max_send_message_length': -1,
    // Servers refuse pings that are more frequent than every 5 s.
    'grpc.keepalive_time_ms': 10_000,
    'grpc.keepalive_timeout_ms': 3_000,
    'grpc.initial_reconnect_backoff_ms': 100,
    'grpc.max_reconnect_backoff_ms': 1_000,
    'grpc.enable_retries': 0,
    'grpc.enable_channelz': 0,
    'grpc.use_local_subchannel_pool': 1,
    ...(tls && { 'grpc.ssl_target_name_override': serverName(address, tls) }),
  }
}
