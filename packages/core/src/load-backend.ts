import { realpathSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { LibkvError } from './errors.ts'
import type { BackendFactory } from './new-store.ts'

const official = ['consul', 'etcd', 'memory', 'zookeeper']

/** Whether there can be an `@libkv/<name>`. */
export const isPackageName = (name: string): boolean => /^[a-z][a-z0-9-]*$/.test(name)

/**
 * Loads `@libkv/<name>` as the application sees it: a package manager with an isolated layout puts no backend next to core.
 * Undefined when it is not installed.
 */
export function loadBackend(name: string): BackendFactory<never> | undefined {
  if (!isPackageName(name)) return undefined
  const specifier = `@libkv/${name}`
  for (const place of places()) {
    const exports = load(place, specifier)
    if (exports === undefined) continue
    const factory = exports[name]
    if (typeof factory === 'function') return factory as BackendFactory<never>
    throw new LibkvError('BACKEND_UNKNOWN', `${specifier} exports no function '${name}'`)
  }
  return undefined
}

/** The official backends that the application could load. */
export function installedBackends(): string[] {
  return official.filter((name) =>
    places().some((place) => resolve(place, `@libkv/${name}`) !== undefined),
  )
}

/** Where to look from: the program that was started, through links such as those in `.bin`, then its working directory. */
function places(): string[] {
  const program = process.argv[1]
  const folders = program === undefined ? [] : [program, realPath(program)]
  // A program may be a folder (`node .`). Of a file this is none, and the search goes on in the folders above, all the same.
  return [...new Set([...folders, process.cwd()])].map((folder) => join(folder, 'noop.js'))
}

function realPath(path: string): string {
  try {
    return realpathSync(path)
  } catch {
    return path
  }
}

function resolve(place: string, specifier: string): string | undefined {
  try {
    return createRequire(place).resolve(specifier)
  } catch {
    return undefined
  }
}

function load(place: string, specifier: string): Record<string, unknown> | undefined {
  if (resolve(place, specifier) === undefined) return undefined
  return createRequire(place)(specifier) as Record<string, unknown>
}
