import { LibkvError, TlsSource, resolveOptions } from '@libkv/core'
import type { ResolvedOptions, StoreOptions } from '@libkv/core'

/** The options of the Consul backend. */
export interface ConsulOptions extends StoreOptions {
  /** The ACL token. Without one the server's anonymous token counts. */
  readonly token?: string | undefined
  /**
   * The datacenter to talk to.
   *
   * @default that of the agent
   */
  readonly datacenter?: string | undefined
  /** The namespace of Consul Enterprise. The store's own prefix is `namespace`. */
  readonly consulNamespace?: string | undefined
  /** The admin partition of Consul Enterprise. */
  readonly partition?: string | undefined
  /**
   * The servers' `session_ttl_min`, in milliseconds. Consul lets a session live for twice its TTL, so the shortest `ttl` of
   * a key, session or lock is twice this.
   *
   * @default 10_000
   */
  readonly minimumTtl?: number | undefined
}

/** {@link ConsulOptions}, checked and complete. */
export interface ResolvedConsulOptions extends ResolvedOptions {
  /** `host:port` each. */
  readonly addresses: readonly string[]
  readonly tls: TlsSource | undefined
  readonly token: string | undefined
  readonly datacenter: string | undefined
  readonly consulNamespace: string | undefined
  readonly partition: string | undefined
  readonly minimumTtl: number
}

/** Where an agent listens by default. */
const DEFAULT_PORT = 8500
const DEFAULT_ADDRESS = `127.0.0.1:${String(DEFAULT_PORT)}`
/** What Consul accepts at the most, for one session TTL. */
export const LONGEST_SESSION_TTL: number = 24 * 3_600_000

/** @throws LibkvError `INVALID_OPTION`, `INVALID_KEY` for the namespace. */
export function resolveConsulOptions(
  addresses: readonly string[] = [DEFAULT_ADDRESS],
  options: ConsulOptions = {},
): ResolvedConsulOptions {
  const resolved = resolveOptions(options, 'consul')
  if (addresses.length === 0) throw invalid('there is no address')
  const endpoints = addresses.map(parseAddress)
  const secure = new Set(
    endpoints.map(({ scheme }) => scheme).filter((scheme) => scheme !== undefined),
  )
  if (secure.size > 1) throw invalid('http: and https: addresses cannot be mixed')
  const { tls = secure.has('https'), minimumTtl = 10_000 } = options
  if (tls !== false && secure.has('http')) throw invalid('tls is set, and an address says http:')
  if (!(minimumTtl >= 1 && minimumTtl <= LONGEST_SESSION_TTL / 2)) {
    throw invalid(`minimumTtl is ${String(minimumTtl)}; it must be between 1 and 43200000`)
  }
  return {
    ...resolved,
    addresses: endpoints.map(({ address }) => address),
    tls: tls === false ? undefined : new TlsSource(tls, 'consul'),
    token: headerOf('token', options.token),
    datacenter: headerOf('datacenter', options.datacenter),
    consulNamespace: headerOf('consulNamespace', options.consulNamespace),
    partition: headerOf('partition', options.partition),
    minimumTtl,
  }
}

function parseAddress(text: string): { scheme: string | undefined; address: string } {
  const match = /^(?:(https?):\/\/)?(\[[0-9a-f:.]+\]|[^\s:/@[\]]+)(?::(\d{1,5}))?\/?$/i.exec(text)
  const [, scheme, host, port = String(DEFAULT_PORT)] = match ?? []
  if (host === undefined || Number(port) > 65_535) {
    throw invalid(`address ${JSON.stringify(text)} is not host:port`)
  }
  return { scheme: scheme?.toLowerCase(), address: `${host}:${port}` }
}

/** What goes into a header or a query must be text that fits there. */
function headerOf(name: string, value: string | undefined): string | undefined {
  if (value === undefined || value === '') return undefined
  if (typeof value === 'string' && /^[\u0021-\u007e]+$/.test(value)) return value
  // Without the value: it may be a secret.
  throw invalid(`${name} must be a string of printable ASCII characters without spaces`)
}

function invalid(message: string): LibkvError {
  return new LibkvError('INVALID_OPTION', message, { backend: 'consul' })
}
