import { LibkvError } from './errors.ts'
import { canonicalDirectory } from './keys.ts'
import { systemRuntime } from './runtime.ts'
import type { Runtime } from './runtime.ts'
import type { TlsOptions } from './tls.ts'

/** Options that all backends share. */
export interface StoreOptions {
  /** Prefixes everything the store touches; no call can escape it. Returned keys do not show it. */
  readonly namespace?: string | undefined
  /** TLS, with the options of `node:tls`; `true` for the system's defaults. Endpoints with `https:` turn it on, too. */
  readonly tls?: TlsOptions | boolean | undefined
  /**
   * How long a call may look for a server that takes it, in milliseconds; then `NOT_REACHABLE`.
   *
   * @default 5_000
   */
  readonly connectionTimeout?: number | undefined
  /**
   * How long a call may take altogether, in milliseconds; then `TIMEOUT`.
   *
   * @default 10_000
   */
  readonly requestTimeout?: number | undefined
  /** Clock, timers and chance, for tests. */
  readonly runtime?: Runtime | undefined
}

/** {@link StoreOptions}, checked and complete. */
export interface ResolvedOptions {
  readonly namespace: string
  readonly connectionTimeout: number
  readonly requestTimeout: number
  readonly runtime: Runtime
}

/**
 * Checks the options that all backends share and fills in the defaults.
 *
 * @throws LibkvError `INVALID_OPTION`, `INVALID_KEY` for the namespace.
 */
export function resolveOptions(options: StoreOptions, backend: string): ResolvedOptions {
  return {
    namespace: canonicalDirectory(options.namespace ?? '', backend),
    connectionTimeout: duration('connectionTimeout', options.connectionTimeout ?? 5_000, backend),
    requestTimeout: duration('requestTimeout', options.requestTimeout ?? 10_000, backend),
    runtime: options.runtime ?? systemRuntime,
  }
}

/**
 * Checks a duration in milliseconds.
 *
 * @throws LibkvError `INVALID_OPTION`, naming the bounds.
 */
export function duration(
  name: string,
  value: number,
  backend?: string,
  min = 1,
  max: number = Number.MAX_SAFE_INTEGER,
): number {
  if (typeof value === 'number' && value >= min && value <= max) return value
  const bounds =
    max === Number.MAX_SAFE_INTEGER
      ? `at least ${String(min)}`
      : `between ${String(min)} and ${String(max)}`
  throw new LibkvError(
    'INVALID_OPTION',
    `${name} is ${String(value)}; it must be a number of milliseconds, ${bounds}`,
    { backend },
  )
}
