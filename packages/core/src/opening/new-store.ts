import type { BackendFactory, StoreLocation } from './backend.ts'
import { registeredBackends } from './backend-registry.ts'
import { LibkvError } from '../contract/errors.ts'
import {
  installedBackends,
  isPackageName,
  isPublished,
  loadBackend,
  packageOf,
  publishedBackends,
} from './load-backend.ts'
import { nearestName } from '../options/nearest-name.ts'
import { text, wrongType } from '../options/option-rules.ts'
import { storeRules } from '../options/options.ts'
import type { StoreOptions } from '../options/options.ts'
import type { Store } from '../contract/store.ts'
import { parseStoreUrl } from './store-url.ts'
import { optionsOfUrl } from './url-options.ts'

declare global {
  /**
   * The options of each backend, by its name and by the schemes of its URLs. The packages of the backends add theirs, so
   * that the options of `newStore` are typed once a program imports the package, as a type at least:
   * `import type {} from '@libkv/etcd'`.
   */
  // eslint-disable-next-line @typescript-eslint/no-empty-object-type -- packages of backends add to it
  interface LibkvBackends {}
}

/** What `newStore` takes beside the options of the backend. */
export interface LookupOptions {
  /**
   * A module of the package that depends on the backend, as `import.meta.url` or `__filename`: the backend's package is looked
   * up from there first. Needed where neither the program nor core can see it, as with a package of a workspace that owns it.
   */
  readonly from?: string | URL | undefined
}

/** The options for a backend's name or URL: those of the backend where its package is imported, else any object. */
export type OptionsOf<B extends string> = B extends keyof LibkvBackends
  ? LibkvBackends[B] & LookupOptions
  : B extends `${infer Scheme}://${string}`
    ? Scheme extends keyof LibkvBackends
      ? LibkvBackends[Scheme] & LookupOptions
      : object
    : object

/**
 * Opens a store by the name of its backend, by URL, or by a backend's factory. A name is looked up among the registered
 * backends first; then `@libkv/<name>` is loaded, as seen from `from`, from the program that was started, or from this
 * package. It does no I/O but for that: `ready()` or the first call finds out whether the server is there.
 *
 * @param backend - `etcd`, `consul`, `zookeeper` (or `zk`), `memory`, a registered name, a URL such as
 * `etcd://user:secret@10.0.0.1:2379,10.0.0.2:2379/app`, or a factory.
 * @param addresses - `host:port` each; the backend's default address when there is none. They replace those of a URL, and
 * may be left out before the options.
 * @param options - the options of the backend; they replace those of a URL.
 * @throws TypeError for arguments of the wrong type. LibkvError `BACKEND_UNKNOWN` saying which backends are there and where
 * they were looked for; `INVALID_OPTION`; `INVALID_KEY` for the namespace.
 *
 * @example
 * await using kv = await newStore('consul', ['localhost:8500'], { connectionTimeout: 10_000 })
 */
export function newStore<const B extends string>(
  backend: B,
  addresses?: readonly string[],
  options?: OptionsOf<B>,
): Promise<Store>
export function newStore<const B extends string>(backend: B, options: OptionsOf<B>): Promise<Store>
export function newStore<O extends StoreOptions>(
  backend: BackendFactory<O>,
  addresses?: readonly string[],
  options?: NoInfer<O>,
): Promise<Store>
export function newStore<O extends StoreOptions>(
  backend: BackendFactory<O>,
  options: NoInfer<O>,
): Promise<Store>
export async function newStore(
  backend: string | BackendFactory<never>,
  ...rest: readonly unknown[]
): Promise<Store> {
  const [addresses, options] = argumentsOf(rest)
  if (typeof backend === 'function') return open(backend, addresses, options)
  if (typeof backend !== 'string') {
    throw wrongType('the backend', 'a name, a URL or a factory', backend)
  }
  const scheme = /^([^:]*):\/\//.exec(backend)?.[1]?.toLowerCase()
  // It throws: there is no URL without a scheme.
  if (scheme === '') parseStoreUrl(backend)
  const [from, own] = lookupOf(options)
  const factory = factoryOf(scheme ?? backend, from)
  if (scheme === undefined) return open(factory, addresses, own)
  const location = (factory.readUrl ?? readAnyUrl)(backend)
  if (typeof own !== 'object')
    return open(factory, addresses ?? location.addresses, location.options)
  return open(factory, addresses ?? location.addresses, { ...location.options, ...own })
}

/** The addresses may be left out. */
function argumentsOf(rest: readonly unknown[]): readonly unknown[] {
  const [first] = rest
  const isOptions = typeof first === 'object' && first !== null && !Array.isArray(first)
  return rest.length === 1 && isOptions ? [undefined, first] : rest
}

/** Takes the options of the look-up from those of the backend. What is no object is for the backend to refuse. */
function lookupOf(options: unknown): [from: string | URL | undefined, own: unknown] {
  if (typeof options !== 'object' || options === null || !('from' in options))
    return [undefined, options]
  const { from, ...own } = options
  if (from === undefined || typeof from === 'string' || from instanceof URL) return [from, own]
  throw wrongType('from', 'import.meta.url or a path', from)
}

function factoryOf(name: string, from: string | URL | undefined): BackendFactory<never> {
  const registry = registeredBackends()
  const known = registry.get(name) ?? registry.get(packageOf(name) ?? name)
  if (known !== undefined) return known
  const { factory, places } = loadBackend(name, from)
  if (factory !== undefined) return factory
  throw unknownBackend(name, places)
}

function unknownBackend(name: string, places: readonly string[]): LibkvError {
  const installed = installedBackends(places)
  const known = [...new Set([...registeredBackends().keys(), ...installed])].sort()
  const there = known.length === 0 ? 'none is installed' : `installed: ${known.join(', ')}`
  const looked = `looked from ${places.join(', ')}`
  const published = packageOf(name)
  if (published !== undefined && isPublished(published)) {
    const advice = `run 'npm install @libkv/${published}' there, or pass { from: import.meta.url }`
    return new LibkvError(
      'BACKEND_UNKNOWN',
      `backend '${published}' is not installed (${there}); ${looked}: ${advice}`,
    )
  }
  const nearest = nearestName(name, [...new Set([...known, ...publishedBackends])])
  const hint = nearest === undefined ? '' : `; did you mean '${nearest}'?`
  // What is no name may be a URL gone wrong, with a password in it.
  const shown = isPackageName(name) ? ` '${name}'` : ''
  return new LibkvError('BACKEND_UNKNOWN', `unknown backend${shown} (${there})${hint}`)
}

/** For a factory that reads no URLs itself: every parameter is an option, as text. */
function readAnyUrl(url: string): StoreLocation {
  const parsed = parseStoreUrl(url)
  const rules = Object.fromEntries(parsed.parameters.map(([name]) => [name, text()]))
  const userinfo = (username: string, password: string | undefined): object => ({
    username,
    password,
  })
  const options = optionsOfUrl(parsed, { ...rules, ...storeRules }, userinfo, parsed.scheme)
  return { addresses: parsed.addresses.length === 0 ? undefined : parsed.addresses, options }
}

const open = (factory: BackendFactory<never>, addresses: unknown, options: unknown): Store =>
  factory(addresses as readonly string[] | undefined, options as undefined)
