import { canonicalNamespace } from '../contract/keys.ts'
import { anything, checkOptions, milliseconds, text } from './option-rules.ts'
import type { OptionRules } from './option-rules.ts'
import { runtimeRule, systemRuntime } from '../contract/runtime.ts'
import type { Runtime } from '../contract/runtime.ts'
import type { TlsOptions } from '../driver-kit/tls.ts'

/** Options that all backends share. */
export interface StoreOptions {
  /** Prefixes everything the store touches; no call can escape it. Returned keys do not show it. */
  readonly namespace?: string | undefined
  /**
   * TLS, with the options of `node:tls`; `true` for the system's defaults. Addresses with `https:` turn it on as well, and
   * contradict `false`.
   */
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

/** The rules of {@link StoreOptions}. `tls` is checked by `TlsSource`. */
export const storeRules: OptionRules<StoreOptions> = {
  namespace: text(),
  tls: anything,
  connectionTimeout: milliseconds(),
  requestTimeout: milliseconds(),
  runtime: runtimeRule,
}

/**
 * Checks the options that all backends share and fills in the defaults. Other options are not looked at.
 *
 * @throws TypeError for an option of the wrong type. LibkvError `INVALID_OPTION`, `INVALID_KEY` for the namespace.
 */
export function resolveOptions(options: StoreOptions, backend: string): ResolvedOptions {
  const { namespace, connectionTimeout, requestTimeout, runtime } = options
  checkOptions({ namespace, connectionTimeout, requestTimeout, runtime }, storeRules, { backend })
  return {
    namespace: canonicalNamespace(namespace ?? '', backend),
    connectionTimeout: connectionTimeout ?? 5_000,
    requestTimeout: requestTimeout ?? 10_000,
    runtime: runtime ?? systemRuntime,
  }
}
