import cluster from 'node:cluster'
import { LibkvError } from '@libkv/core'
import { defineBackend, resolveOptions, wrongType } from '@libkv/core/driver'
import type { BackendFactory, StoreOptions } from '@libkv/core'
import type { Driver } from '@libkv/core/driver'
import { MemoryDriver } from './memory-driver.ts'
import { MemoryFaults } from './memory-faults.ts'

// One set for all copies of this package in the process (ESM and CommonJS are two).
const faultsKey = Symbol.for('@libkv/memory/faults')
const warnedKey = Symbol.for('@libkv/memory/warned')
const shared = globalThis as unknown as {
  [faultsKey]?: Map<string, MemoryFaults> | undefined
  [warnedKey]?: boolean
}

declare global {
  interface LibkvBackends {
    memory: StoreOptions
  }
}

/**
 * Opens the embedded store: the whole contract within one process, without a server. The address is a name, and stores
 * of one name share their data; without an address the name is `default`. The data lives as long as the process.
 *
 * @throws TypeError for arguments of the wrong type. LibkvError `INVALID_OPTION` for several addresses, `INVALID_KEY` for the
 * namespace.
 *
 * @example
 * await using kv = memory(['orders'])
 * await kv.put('orders/1', 'tea')
 */
export const memory: BackendFactory = defineBackend<StoreOptions>(
  { name: 'memory', options: {} },
  (addresses, options) => memoryDriver(nameOf(addresses), options),
)

function nameOf(addresses: unknown): string | undefined {
  if (addresses === undefined) return undefined
  const expected = 'an array with the name of the store'
  if (!Array.isArray(addresses)) throw wrongType('addresses', expected, addresses)
  if (addresses.length > 1) {
    throw new LibkvError('INVALID_OPTION', 'the memory backend takes one address, a name', {
      backend: 'memory',
    })
  }
  const name: unknown = addresses[0]
  if (name === undefined || typeof name === 'string') return name
  throw wrongType('addresses[0]', 'the name of the store', name)
}

/**
 * What is below the embedded store of that name, for whoever puts something in between, such as a way into another process,
 * and opens the store on that with core's `openStore`.
 *
 * @throws LibkvError `INVALID_OPTION`, `INVALID_KEY` for the namespace.
 */
export function memoryDriver(name = 'default', options: StoreOptions = {}): Driver {
  const { runtime } = resolveOptions(options, 'memory')
  if (cluster.isWorker) warnOfCluster()
  return new MemoryDriver(name, memoryFaults(name), runtime)
}

function warnOfCluster(): void {
  if (shared[warnedKey] === true) return
  shared[warnedKey] = true
  process.emitWarning(
    'the memory backend is used in a cluster worker: each worker has data of its own, and locks and elections do not exclude those of other workers',
    {
      code: 'LIBKV_MEMORY_IN_CLUSTER',
      detail: 'Use a backend with a server, such as etcd, Consul or ZooKeeper.',
    },
  )
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
