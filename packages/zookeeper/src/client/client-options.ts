import type { ConnectionOptions } from 'node:tls'
import type { Runtime } from './runtime.ts'
import { ZooKeeperError } from './zookeeper-error.ts'

/** An identity and its proof: `{ scheme: 'digest', auth: 'user:password' }`. */
export interface Auth {
  readonly scheme: string
  readonly auth: string | Uint8Array
}

export interface ClientOptions {
  /** `host`, `host:port` or `[ipv6]:port`; the port is 2181 if none is given. Names are resolved anew for each attempt. */
  readonly servers: readonly string[]
  readonly runtime: Runtime
  /**
   * How long, in milliseconds, the session outlives its client. Servers have bounds of their own: the outcome is
   * `client.negotiatedTimeout`.
   *
   * @default 10_000
   */
  readonly sessionTimeout?: number | undefined
  /**
   * How long, in milliseconds, one attempt to reach one server may take, until the server has accepted the session.
   *
   * @default two thirds of the session timeout, divided by the number of servers, between 500 and 5000
   */
  readonly connectTimeout?: number | undefined
  /**
   * How long, in milliseconds, `close()` tries to end the session on the server.
   *
   * @default 1000
   */
  readonly closeTimeout?: number | undefined
  /** A path that stands before all others: the client sees nothing else. */
  readonly chroot?: string | undefined
  /** Proven on each connection before anything else is sent. */
  readonly auth?: readonly Auth[] | undefined
  /** The options of `node:tls` to connect with. Asked before each attempt, so that rotated certificates take effect. */
  readonly tls?: (() => ConnectionOptions) | undefined
  /** The reason for a failure of TLS in plain words; undefined leaves it to the error's own message. */
  readonly tlsReason?: ((error: unknown) => string | undefined) | undefined
  /**
   * Whether to open another session when one has expired. Watches and ephemeral nodes are gone then; listeners are told.
   * Without it the client is of no use any more.
   *
   * @default false
   */
  readonly renew?: boolean | undefined
  /**
   * Whether the client keeps the process alive from its first call until it is closed. Otherwise it does so between `ref()` and
   * the call of the function that this returns.
   *
   * @default true
   */
  readonly keepAlive?: boolean | undefined
  /** A session to take over, of another client. */
  readonly session?: { readonly id: bigint; readonly password: Uint8Array } | undefined
  /**
   * The largest request in bytes, `jute.maxbuffer` of the servers: they close the connection on a larger one, so it fails
   * with `TOO_LARGE` before it is sent. At least 262_144.
   *
   * @default 1_048_575
   */
  readonly maxRequest?: number | undefined
  /**
   * The largest answer in bytes; a server that announces a larger one is disconnected.
   *
   * @default 67_108_864
   */
  readonly maxFrame?: number | undefined
}

/** The options with their defaults. */
export interface Settings extends ClientOptions {
  readonly sessionTimeout: number
  readonly closeTimeout: number
  readonly auth: readonly Auth[]
  readonly keepAlive: boolean
  readonly maxRequest: number
  readonly maxFrame: number
}

const MOST = 2 ** 31 - 1

/** @throws ZooKeeperError `BAD_ARGUMENTS` for what makes no sense */
export function settingsOf(options: ClientOptions): Settings {
  const within = (name: keyof ClientOptions, value: number, least: number): number => {
    if (value >= least && value <= MOST) return value
    throw new ZooKeeperError('BAD_ARGUMENTS', `${name} must be from ${least} to ${MOST}`)
  }
  const { sessionTimeout = 10_000, closeTimeout = 1_000, connectTimeout } = options
  const { auth = [], keepAlive = true, maxRequest = 1_048_575, maxFrame = 67_108_864 } = options
  return {
    ...options,
    sessionTimeout: within('sessionTimeout', sessionTimeout, 1),
    closeTimeout: within('closeTimeout', closeTimeout, 0),
    connectTimeout: connectTimeout && within('connectTimeout', connectTimeout, 1),
    auth,
    keepAlive,
    // Watches are set again in packets of up to 128 KB and a path.
    maxRequest: within('maxRequest', maxRequest, 262_144),
    maxFrame: within('maxFrame', maxFrame, 1_024),
  }
}
