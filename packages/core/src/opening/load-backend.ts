import { realpathSync } from 'node:fs'
// The default import: webpack follows calls of the named one, and warns of each.
import nodeModule from 'node:module'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { BackendFactory } from './backend.ts'
import { LibkvError } from '../contract/errors.ts'

/** Names and schemes of URLs, and the packages of their backends. A package in it need not exist yet. */
const packages: Readonly<Record<string, string>> = {
  consul: 'consul',
  etcd: 'etcd',
  memory: 'memory',
  zookeeper: 'zookeeper',
  // The short name that the original library used.
  zk: 'zookeeper',
  postgres: 'postgres',
  postgresql: 'postgres',
  redis: 'redis',
  rediss: 'redis',
  valkey: 'redis',
  valkeys: 'redis',
  sqlite: 'sqlite',
}

/** The backends that can be installed. */
export const publishedBackends: readonly string[] = ['consul', 'etcd', 'memory', 'zookeeper']

export const isPublished = (name: string): boolean => publishedBackends.includes(name)

/** Whether there can be an `@libkv/<name>`. */
export const isPackageName = (name: string): boolean => /^[a-z][a-z0-9-]*$/.test(name)

/** The backend that has that name or scheme, undefined when it is not one of this project. */
export const packageOf = (name: string): string | undefined =>
  Object.hasOwn(packages, name) ? packages[name] : undefined

/** What came of looking for a backend. */
export interface Loaded {
  /** Undefined when it is not installed. */
  readonly factory: BackendFactory<never> | undefined
  /** The files and folders from which it was looked for, upwards. */
  readonly places: readonly string[]
}

/**
 * Loads `@libkv/<name>` as the application sees it: a package manager with an isolated layout puts no backend next to core.
 *
 * @param from - the module from which to look first.
 */
export function loadBackend(name: string, from: string | URL | undefined): Loaded {
  const places = placesToLook(from)
  const backend = packageOf(name) ?? name
  if (!isPackageName(backend)) return { factory: undefined, places }
  const specifier = `@libkv/${backend}`
  for (const place of places) {
    if (!canResolve(place, specifier)) continue
    const exports = requireFrom(place)(specifier) as Record<string, unknown>
    const factory = exports[backend]
    if (typeof factory === 'function') return { factory: factory as BackendFactory<never>, places }
    throw new LibkvError('BACKEND_UNKNOWN', `${specifier} exports no function '${backend}'`)
  }
  return { factory: undefined, places }
}

/** The backends of this project that could be loaded. */
export function installedBackends(places: readonly string[]): string[] {
  return publishedBackends.filter((name) =>
    places.some((place) => canResolve(place, `@libkv/${name}`)),
  )
}

/**
 * The given module; the program that was started, through links such as those in `.bin`; then this package, next to which
 * most package managers put what is installed anywhere in a workspace. The working directory only where Node itself looks
 * there, which is when there is no program: a program that runs in a folder of somebody else's loads no code from it.
 */
function placesToLook(from: string | URL | undefined): string[] {
  const program = process.argv[1]
  const started = program === undefined ? [process.cwd()] : [program, realPath(program)]
  const given = from === undefined ? [] : [pathOf(from)]
  const own = ownModule()
  return [...new Set([...given, ...started, ...(own === undefined ? [] : [realPath(own)])])]
}

const pathOf = (module: string | URL): string =>
  module instanceof URL || module.startsWith('file:') ? fileURLToPath(module) : module

/**
 * The file that this function is in. Not by `import.meta`, of which bundlers warn where they make CommonJS of it; in a
 * bundle it is the bundle.
 */
function ownModule(): string | undefined {
  // Intrinsics may be frozen.
  if (!Object.isExtensible(Error)) return undefined
  const errors: { prepareStackTrace?: unknown } = Error
  const before = errors.prepareStackTrace
  Error.prepareStackTrace = (_error, [site]) => site?.getFileName()
  try {
    const file: unknown = new Error().stack
    return typeof file === 'string' ? pathOf(file) : undefined
  } finally {
    errors.prepareStackTrace = before
  }
}

function realPath(path: string): string {
  try {
    return realpathSync(path)
  } catch {
    return path
  }
}

// Of a program that is a file there are no folders below, and the search goes on in the folders above all the same.
const requireFrom = (place: string): NodeJS.Require =>
  nodeModule.createRequire(join(place, 'noop.js'))

function canResolve(place: string, specifier: string): boolean {
  try {
    requireFrom(place).resolve(specifier)
    return true
  } catch {
    return false
  }
}
