import type { Runtime } from '@libkv/core'
import { MemoryDatabase } from './memory-database.ts'

// One set for all copies of this package in the process (ESM and CommonJS are two).
const databasesKey = Symbol.for('@libkv/memory/databases')
const shared = globalThis as unknown as { [databasesKey]?: Map<string, MemoryDatabase> | undefined }

const databases = (): Map<string, MemoryDatabase> =>
  (shared[databasesKey] ??= new Map<string, MemoryDatabase>())

/** The database of that name, undefined before the first store of that name was opened. */
export const existingDatabase = (name: string): MemoryDatabase | undefined => databases().get(name)

/** The database of that name, made when first asked for; its time is that of the one who asks first. */
export function databaseOf(name: string, runtime: Runtime): MemoryDatabase {
  const existing = existingDatabase(name)
  if (existing !== undefined) return existing
  const database = new MemoryDatabase(runtime)
  databases().set(name, database)
  return database
}
