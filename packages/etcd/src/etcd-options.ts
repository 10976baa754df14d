import { LibkvError, TlsSource, resolveOptions } from '@libkv/core'
import type { ResolvedOptions, StoreOptions } from '@libkv/core'

/** The options of the etcd backend. */
export interface EtcdOptions extends StoreOptions {
  /** With `password`: the user to authenticate as. With a client certificate the server may know the user by its name. */
  readonly username?: string | undefined
  readonly password?: string | undefined
}

/** {@link EtcdOptions}, checked and complete. */
export interface ResolvedEtcdOptions extends ResolvedOptions {
  /** `host:port` each. */
  readonly addresses: readonly string[]
  readonly tls: TlsSource | undefined
  readonly credentials: { readonly name: string; readonly password: string } | undefined
}

/** Where etcd listens by default. */
const DEFAULT_ADDRESS = '127.0.0.1:2379'
const DEFAULT_PORT = 2379

/** @throws LibkvError `INVALID_OPTION`, `INVALID_KEY` for the namespace. */
export function resolveEtcdOptions(
  addresses: readonly string[] = [DEFAULT_ADDRESS],
  options: EtcdOptions = {},
): ResolvedEtcdOptions {
  const resolved = resolveOptions(options, 'etcd')
  if (addresses.length === 0) throw invalid('there is no address')
  const endpoints = addresses.map(parseAddress)
  const secure = new Set(
    endpoints.map(({ scheme }) => scheme).filter((scheme) => scheme !== undefined),
  )
  if (secure.size > 1) throw invalid('http: and https: addresses cannot be mixed')
  const { tls = secure.has('https'), username, password } = options
  if (tls !== false && secure.has('http')) throw invalid('tls is set, and an address says http:')
  if ((username === undefined) !== (password === undefined)) {
    throw invalid('username and password are needed together')
  }
  return {
    ...resolved,
    addresses: endpoints.map(({ address }) => address),
    tls: tls === false ? undefined : new TlsSource(tls, 'etcd'),
    credentials:
      username === undefined || password === undefined ? undefined : { name: username, password },
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

function invalid(message: string): LibkvError {
  return new LibkvError('INVALID_OPTION', message, { backend: 'etcd' })
}
