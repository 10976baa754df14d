import type { Runtime } from '@libkv/core'
import { MemoryDatabase } from './memory-database.ts'

// One set for all copies of this package in the process (ESM and CommonJS are two).
const databasesKey = Symbol.for('@libkv/memory/databases')
const shared = globalThis as unknown as { [databasesKey]?: Map<string, MemoryDatabase> | undefined }

const databases = (): Map<string, MemoryDatabase> =>
  (shared[databasesKey] ??= new Map<string, MemoryDatabase>())

/** The database of that name, undefined before the first store of that name was opened. */
export const existingDatabase = (name: string): MemoryDatabase | undefined => databases().get(name)

/** Opens the database of that name for one store, and creates it for the first. Close it with that store. */
export function openDatabase(name: string, runtime: Runtime): MemoryDatabase {
  const database = existingDatabase(name) ?? new MemoryDatabase()
  databases().set(name, database)
  database.open(runtime)
  return database
}
