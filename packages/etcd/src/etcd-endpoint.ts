import { Channel, connectivityState, credentials } from '@grpc/grpc-js'
import type {
  ChannelCredentials,
  ChannelOptions,
  Client,
  ClientDuplexStream,
  Metadata,
  ServiceError,
} from '@grpc/grpc-js'
import type { Call, TlsMaterial } from '@libkv/core'
// etcd3 keeps its wire (proto files, services, channels) in this class; its index exports only what retries on top of it.
import { Host } from 'etcd3/lib/connection-pool.js'
import { createSecureContext } from 'node:tls'

export type Service = 'KV' | 'Watch' | 'Lease' | 'Auth' | 'Maintenance'

type UnaryMethod = (
  request: object,
  metadata: Metadata,
  options: object,
  callback: (error: ServiceError | null, response: unknown) => void,
) => { cancel(): void }

type StreamMethod = (metadata: Metadata, options: object) => ClientDuplexStream<unknown, unknown>

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
  readonly #channel: Channel
  readonly #host: Host
  readonly #services = new Map<Service, Client>()
  readonly #requests = new Set<OpenRequest>()
  readonly #streams = new Set<ClientDuplexStream<unknown, unknown>>()

  constructor(address: string, tls: TlsMaterial | undefined) {
    this.address = address
    const options = channelOptions(tls)
    this.#channel = new Channel(address, channelCredentials(tls), options)
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

  /** Whether the last attempt to connect failed. */
  get hasFailed(): boolean {
    return this.#channel.getConnectivityState(false) === TRANSIENT_FAILURE
  }

  /** Starts to connect if it has not yet. */
  connect(): void {
    this.#channel.getConnectivityState(true)
  }

  /** Calls back once, when the state of the connection is another one or `until` (milliseconds since 1970) is past. */
  onStateChange(until: number, callback: () => void): void {
    const state = this.#channel.getConnectivityState(true)
    if (state === SHUTDOWN) callback()
    else this.#channel.watchConnectivityState(state, until, callback)
  }

  request<T>(
    service: Service,
    method: string,
    payload: object,
    metadata: Metadata,
    call: Call,
    now: number,
  ): Promise<T> {
    const client = this.#client(service) as unknown as Record<string, UnaryMethod>
    return new Promise<T>((resolve, reject) => {
      call.markSent()
      const sent = client[method]?.(payload, metadata, noOptions, (error, response) => {
        this.#requests.delete(open)
        if (error === null) {
          this.suspect = false
          resolve(response as T)
        } else {
          reject(error)
        }
      })
      const open: OpenRequest = { since: now, cancel: () => sent?.cancel() }
      this.#requests.add(open)
      call.onCancel(open.cancel)
    })
  }

  stream(
    service: 'Watch' | 'Lease',
    method: 'watch' | 'leaseKeepAlive',
    metadata: Metadata,
  ): ClientDuplexStream<unknown, unknown> {
    const client = this.#client(service) as unknown as Record<string, StreamMethod>
    const open = client[method]
    if (open === undefined) throw new TypeError(`etcd3 has no ${service}.${method}`)
    const stream = open.call(client, metadata, noOptions)
    this.#streams.add(stream)
    // A stream that was cancelled reports that, too, and an error that nobody hears ends the process.
    stream.on('error', () => this.#streams.delete(stream))
    stream.on('end', () => this.#streams.delete(stream))
    return stream
  }

  /** Since when, on the monotonic clock, the oldest request has been waiting. */
  get waitingSince(): number {
    for (const { since } of this.#requests) return since
    return Infinity
  }

  get requests(): number {
    return this.#requests.size
  }

  /** Gives up what is open: the member does not answer. Requests end with `CANCELLED`, streams with an error. */
  abandon(): void {
    this.suspect = true
    for (const { cancel } of [...this.#requests]) cancel()
    for (const stream of [...this.#streams]) stream.cancel()
  }

  close(): void {
    for (const stream of [...this.#streams]) stream.cancel()
    this.#host.close()
    this.#channel.close()
  }

  #client(service: Service): Client {
    let client = this.#services.get(service)
    if (client === undefined) {
      client = this.#host.getServiceClient(service)
      this.#services.set(service, client)
    }
    return client
  }
}

interface OpenRequest {
  readonly since: number
  readonly cancel: () => void
}

const noOptions = {}

function channelCredentials(tls: TlsMaterial | undefined): ChannelCredentials {
  if (tls === undefined) return credentials.createInsecure()
  const { servername: _, rejectUnauthorized = true, ...material } = tls
  return credentials.createFromSecureContext(createSecureContext(material), { rejectUnauthorized })
}

function channelOptions(tls: TlsMaterial | undefined): ChannelOptions {
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
    'grpc.use_local_subchannel_pool': 1,
    ...(tls?.servername !== undefined && { 'grpc.ssl_target_name_override': tls.servername }),
  }
}
