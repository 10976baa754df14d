import { LibkvError, openStore, resolveOptions } from '@libkv/core'
import type { Store, StoreOptions } from '@libkv/core'
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
  const name = addresses[0] ?? 'default'
  const { runtime } = resolveOptions(options, 'memory')
  return openStore(new MemoryDriver(name, memoryFaults(name), runtime), options)
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
