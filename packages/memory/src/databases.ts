import { MemoryDatabase } from './memory-database.ts'

// One set for all copies of this package in the process (ESM and CommonJS are two).
const databasesKey = Symbol.for('@libkv/memory/databases')
const shared = globalThis as unknown as { [databasesKey]?: Map<string, MemoryDatabase> | undefined }

/** The database of that name, made when first asked for. */
export function databaseOf(name: string): MemoryDatabase {
  const databases = (shared[databasesKey] ??= new Map<string, MemoryDatabase>())
  const existing = databases.get(name)
  if (existing !== undefined) return existing
  const database = new MemoryDatabase()
  databases.set(name, database)
  return database
}
