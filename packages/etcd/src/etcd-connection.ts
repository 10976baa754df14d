import { Channel, connectivityState, credentials } from '@grpc/grpc-js'
import type {
  ChannelCredentials,
  ChannelOptions,
  Client,
  ClientDuplexStream,
  MethodDefinition,
  ServiceClientConstructor,
} from '@grpc/grpc-js'
import type { TlsMaterial } from '@libkv/core/driver'
// etcd3 keeps its wire (proto files, services, channels) in this class; its index exports only what retries on top of it.
import { Host } from 'etcd3/lib/connection-pool.js'
import { isIP } from 'node:net'
import { checkServerIdentity } from 'node:tls'

export type Service = 'KV' | 'Watch' | 'Lease' | 'Auth'

/** A method of etcd's API; without a codec of its own, etcd3's is used. */
export interface Method<Q, A> {
  readonly service: Service
  readonly path: string
  /** Whether it changes nothing. */
  readonly isRead?: boolean
  readonly encode?: (payload: Q) => Uint8Array
  readonly decode?: (message: Buffer) => A
}

export type Stream<Q, A> = ClientDuplexStream<Q, A>

const { CONNECTING, IDLE, READY } = connectivityState

/** Fault handling is switched off: it repeats writes whose answer was lost, and shuts out hosts that are well. */
const noFaultHandling = { execute: (work: () => unknown) => work() } as unknown as NonNullable<
  ConstructorParameters<typeof Host>[3]
>

/** A channel of grpc-js to one member, which connects again by itself, and the services on it. */
export class EtcdConnection {
  /** The material that it was made with. */
  readonly tls: TlsMaterial | undefined
  readonly #channel: Channel
  readonly #host: Host
  readonly #services = new Map<Service, Client>()

  constructor(address: string, tls: TlsMaterial | undefined) {
    this.tls = tls
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

  /**
   * Connects, and resolves when the attempt is over: whether it has made a connection.
   *
   * @param until - the deadline, in milliseconds since 1970.
   */
  async connect(until: number): Promise<boolean> {
    for (let isNew = false; ; isNew = true) {
      const state = this.#channel.getConnectivityState(true)
      if (state === READY) return isNew
      if (state !== IDLE && state !== CONNECTING) return false
      const overdue = await new Promise<Error | undefined>((resolve) => {
        this.#channel.watchConnectivityState(state, until, resolve)
      })
      if (overdue !== undefined) return false
    }
  }

  /** The client that has a method, and the codec of the method. */
  bind<Q, A>({ service, path, encode, decode }: Method<Q, A>): Bound<Q, A> {
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

  /** Requests and streams on it fail. */
  close(): void {
    this.#host.close()
    this.#channel.close()
  }
}

export interface Bound<Q, A> {
  readonly client: Client
  readonly encode: (payload: Q) => Buffer
  readonly decode: (message: Buffer) => A
}

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
