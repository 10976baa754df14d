import { parseAddresses } from '../driver-kit/addresses.ts'
import type { Driver } from '../driver-kit/driver.ts'
import { LibkvError } from '../contract/errors.ts'
import { openStore } from '../store/kv-store.ts'
import { checkOptions } from '../options/option-rules.ts'
import type { OptionRule, OptionRules } from '../options/option-rules.ts'
import { resolveOptions, storeRules } from '../options/options.ts'
import type { ResolvedOptions, StoreOptions } from '../options/options.ts'
import type { Store } from '../contract/store.ts'
import { parseStoreUrl } from './store-url.ts'
import type { StoreUrl } from './store-url.ts'
import { optionsOfUrl } from './url-options.ts'
import { TlsSource } from '../driver-kit/tls.ts'

/**
 * Opens a store of one backend. Every backend package exports one, named as the backend. It does no I/O but to read the
 * files of the TLS options.
 *
 * @throws TypeError for arguments of the wrong type. LibkvError `INVALID_OPTION`, `INVALID_KEY` for the namespace.
 */
export interface BackendFactory<O extends StoreOptions = StoreOptions> {
  (addresses?: readonly string[], options?: O): Store
  /**
   * Reads a URL of one of the backend's schemes. Without it, user and password of a URL are the options `username` and
   * `password`, its path is the namespace, and its parameters are options with the text as value.
   *
   * @throws LibkvError `INVALID_OPTION`; its message never shows the URL, which may hold a secret.
   */
  readonly readUrl?: ((url: string) => StoreLocation) | undefined
}

/** What a URL says. */
export interface StoreLocation {
  /** Undefined for the backend's default. */
  readonly addresses: readonly string[] | undefined
  readonly options: Readonly<Record<string, unknown>>
}

/** What makes a backend of a driver. */
export interface BackendDefinition<O extends StoreOptions> {
  /** The backend's name, which is also that of the factory and of the scheme of its URLs. */
  readonly name: string
  /** The rules of the options that it has beside {@link StoreOptions}. */
  readonly options: OptionRules<Omit<O, keyof StoreOptions>>
  /** What user and password of a URL are. Without it, a URL with either is refused. */
  readonly readUserinfo?: ((user: string, password: string | undefined) => Partial<O>) | undefined
}

/** A backend whose servers have addresses. */
export interface ServerBackendDefinition<O extends StoreOptions> extends BackendDefinition<O> {
  /** The port of an address that names none. */
  readonly port: number
  /** Whether an address may begin with `http://` or `https://`. */
  readonly takesHttp?: boolean | undefined
  /** Makes the driver. All options have been checked by their rules. */
  readonly driver: (options: O, common: ServerOptions) => Driver
}

/** The options that all backends with servers share, checked and complete. */
export interface ServerOptions extends ResolvedOptions {
  /** `host:port` each. */
  readonly addresses: readonly string[]
  /** Undefined for plain connections. */
  readonly tls: TlsSource | undefined
}

/**
 * The factory of a backend whose servers have addresses: it checks addresses and options, and reads URLs.
 *
 * @example
 * export const etcd: BackendFactory<EtcdOptions> = defineServerBackend<EtcdOptions>({
 *   name: 'etcd',
 *   port: 2379,
 *   takesHttp: true,
 *   options: { username: text(), password: text() },
 *   readUserinfo: (username, password) => ({ username, password }),
 *   driver: (options, common) => new EtcdDriver(resolveEtcdOptions(options, common)),
 * })
 */
export function defineServerBackend<O extends StoreOptions>(
  definition: ServerBackendDefinition<O>,
): BackendFactory<O> {
  const { name: backend, port, takesHttp, driver } = definition
  return defineBackend(definition, (given, options) => {
    const common = resolveOptions(options, backend)
    const addresses = parseAddresses(given, { backend, port, takesHttp })
    const tls = tlsOf(options.tls, addresses.secure, backend)
    return driver(options, { ...common, addresses: addresses.hosts, tls })
  })
}

/**
 * The factory of any backend.
 *
 * @param driver - makes the driver. The options have been checked by their rules, the addresses have not been looked at.
 */
export function defineBackend<O extends StoreOptions>(
  definition: BackendDefinition<O>,
  driver: (addresses: unknown, options: O) => Driver,
): BackendFactory<O> {
  const { name: backend, readUserinfo } = definition
  const rules: Readonly<Record<string, OptionRule>> = { ...storeRules, ...definition.options }
  const open = (addresses?: readonly string[], options?: O): Store => {
    checkOptions(options, rules, { backend })
    const checked = options ?? ({} as O)
    return openStore(driver(addresses, checked), checked)
  }
  return Object.assign(open, {
    readUrl: (url: string): StoreLocation => {
      const parsed: StoreUrl = parseStoreUrl(url)
      const { addresses } = parsed
      return {
        addresses: addresses.length === 0 ? undefined : addresses,
        options: optionsOfUrl(parsed, rules, readUserinfo, backend),
      }
    },
  })
}

function tlsOf(
  tls: StoreOptions['tls'],
  secure: boolean | undefined,
  backend: string,
): TlsSource | undefined {
  const invalid = (message: string): LibkvError =>
    new LibkvError('INVALID_OPTION', message, { backend })
  if (tls !== undefined && tls !== false && secure === false) {
    throw invalid('tls is set, and an address says http:; write https:, or leave the scheme out')
  }
  if (tls === false && secure === true) {
    throw invalid('tls is false, and an address says https:; write http:, or leave tls out')
  }
  if (tls === undefined) return secure === true ? new TlsSource(true, backend) : undefined
  return tls === false ? undefined : new TlsSource(tls, backend)
}
