import type { BackendFactory } from './backend.ts'

// One registry for all copies of this package in the process (ESM and CommonJS are two).
const registryKey = Symbol.for('@libkv/backends')
const shared = globalThis as unknown as {
  [registryKey]?: Map<string, BackendFactory<never>> | undefined
}

/** The backends that were registered, by name. */
export const registeredBackends = (): Map<string, BackendFactory<never>> =>
  (shared[registryKey] ??= new Map<string, BackendFactory<never>>())

/**
 * Makes a backend known by name and as a scheme of URLs, for third parties and for bundles, in which nothing can be loaded
 * by name.
 *
 * @throws TypeError when the name is taken by another factory or the arguments are none.
 */
export function registerBackend(name: string, factory: BackendFactory<never>): void {
  if (typeof name !== 'string' || name === '' || typeof factory !== 'function') {
    throw new TypeError('registerBackend takes a name and a factory')
  }
  const taken = registeredBackends().get(name)
  if (taken !== undefined && taken !== factory) {
    throw new TypeError(`a backend '${name}' is registered already`)
  }
  registeredBackends().set(name, factory)
}
