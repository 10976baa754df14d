import { LibkvError, openStore, resolveOptions } from '@libkv/core'
import type { Driver, Store, StoreOptions } from '@libkv/core'
import { MemoryDriver } from './memory-driver.ts'
import { MemoryFaults } from './memory-faults.ts'

// One set for all copies of this package in the process (ESM and CommonJS are two).
const faultsKey = Symbol.for('@libkv/memory/faults')
const shared = globalThis as unknown as { [faultsKey]?: Map<string, MemoryFaults> | undefined }

/**
 * Opens the embedded store: the whole contract within one process, without a server. The address is a name, and stores
 * of one name share their data; without an address the name is `default`. The data lives as long as the process.
 *
 * @throws LibkvError `INVALID_OPTION` for several addresses, `INVALID_KEY` for the namespace.
 *
 * @example
 * await using kv = memory(['orders'])
 * await kv.put('orders/1', 'tea')
 */
export function memory(addresses: readonly string[] = [], options: StoreOptions = {}): Store {
  if (addresses.length > 1) {
    throw new LibkvError('INVALID_OPTION', 'the memory backend takes one address, a name', {
      backend: 'memory',
    })
  }
  return openStore(memoryDriver(addresses[0], options), options)
}

/**
 * What is below the embedded store of that name, for whoever puts something in between, such as a way into another process,
 * and opens the store on that with core's `openStore`.
 *
 * @throws LibkvError `INVALID_OPTION`, `INVALID_KEY` for the namespace.
 */
export function memoryDriver(name = 'default', options: StoreOptions = {}): Driver {
  const { runtime } = resolveOptions(options, 'memory')
  return new MemoryDriver(name, memoryFaults(name), runtime)
}

/** The faults of the embedded store of that name: what a test turns to make it fail. */
export function memoryFaults(name = 'default'): MemoryFaults {
  const all = (shared[faultsKey] ??= new Map<string, MemoryFaults>())
  const existing = all.get(name)
  if (existing !== undefined) return existing
  const faults = new MemoryFaults(name)
  all.set(name, faults)
  return faults
}
