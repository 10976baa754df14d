import { installedBackends, isPackageName, loadBackend } from './load-backend.ts'
import { LibkvError } from './errors.ts'
import type { StoreOptions } from './options.ts'
import type { Store } from './store.ts'
import { parseStoreUrl } from './store-url.ts'

/**
 * Opens a store of one backend. Every backend package exports one, named as the backend. It does no I/O.
 *
 * @throws LibkvError `INVALID_OPTION`, `INVALID_KEY` for the namespace.
 */
export type BackendFactory<O extends StoreOptions = StoreOptions> = (
  addresses?: readonly string[],
  options?: O,
) => Store

// One registry for all copies of this package in the process (ESM and CommonJS are two).
const registryKey = Symbol.for('@libkv/backends')
const shared = globalThis as unknown as {
  [registryKey]?: Map<string, BackendFactory<never>> | undefined
}
const registry = (): Map<string, BackendFactory<never>> =>
  (shared[registryKey] ??= new Map<string, BackendFactory<never>>())

/** Short names that the original library used. */
const aliases: Readonly<Record<string, string>> = { zk: 'zookeeper' }

/**
 * Makes a backend known by name, for third parties and for bundles, in which nothing can be loaded by name.
 *
 * @throws TypeError when the name is taken by another factory or the arguments are none.
 */
export function registerBackend(name: string, factory: BackendFactory<never>): void {
  if (typeof name !== 'string' || name === '' || typeof factory !== 'function') {
    throw new TypeError('registerBackend takes a name and a factory')
  }
  const taken = registry().get(name)
  if (taken !== undefined && taken !== factory) {
    throw new TypeError(`a backend '${name}' is registered already`)
  }
  registry().set(name, factory)
}

/**
 * Opens a store by the name of its backend, by URL, or by a backend's factory. A name is looked up among the registered
 * backends first, then `@libkv/<name>` is loaded as the application sees it. It does no I/O: `ready()` or the first call
 * finds out whether the server is there.
 *
 * @param backend - `etcd`, `consul`, `zookeeper` (or `zk`), `memory`, a registered name, a URL such as
 * `etcd://user:secret@10.0.0.1:2379,10.0.0.2:2379/app`, or a factory.
 * @param addresses - `host:port` each; the backend's default address when there is none.
 * @param config - the options of the backend; they win over those of a URL.
 * @throws LibkvError `BACKEND_UNKNOWN` saying which backends are there and what to install; `INVALID_OPTION`; `INVALID_KEY`
 * for the namespace.
 *
 * @example
 * await using kv = await newStore('consul', ['localhost:8500'], { connectionTimeout: 10_000 })
 */
export async function newStore<O extends StoreOptions = StoreOptions & Record<string, unknown>>(
  backend: string | BackendFactory<O>,
  addresses?: readonly string[],
  config?: O,
): Promise<Store> {
  if (typeof backend === 'function') return backend(addresses, config)
  if (typeof backend !== 'string') throw new TypeError('a backend is a name, a URL or a factory')
  if (!backend.includes('://')) return factoryOf(backend)(addresses, config as never)
  const url = parseStoreUrl(backend)
  const factory = factoryOf(url.backend)
  const options = { ...url.options, ...config } as never
  return factory(addresses ?? (url.addresses.length > 0 ? url.addresses : undefined), options)
}

function factoryOf(given: string): BackendFactory<never> {
  const name = aliases[given] ?? given
  const factory = registry().get(given) ?? registry().get(name) ?? loadBackend(name)
  if (factory !== undefined) return factory
  const known = [...new Set([...registry().keys(), ...installedBackends()])].sort()
  const there = known.length === 0 ? 'none is installed' : `there are ${known.join(', ')}`
  // What is no name may be a URL gone wrong, with a password in it.
  if (!isPackageName(name)) {
    throw new LibkvError('BACKEND_UNKNOWN', `that is no name of a backend: ${there}`)
  }
  const install = `install @libkv/${name}, or register it with registerBackend()`
  throw new LibkvError('BACKEND_UNKNOWN', `no backend '${name}': ${there}; ${install}`)
}
