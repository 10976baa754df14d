import { number, text } from '@libkv/core/driver'
import type { OptionRule, OptionRules, ServerOptions } from '@libkv/core/driver'
import type { StoreOptions } from '@libkv/core'

/** The options of the Consul backend. */
export interface ConsulOptions extends StoreOptions {
  /** The ACL token. Without one the server's anonymous token counts. */
  readonly token?: string | undefined
  /**
   * The datacenter to talk to.
   *
   * @default that of the agent
   */
  readonly datacenter?: string | undefined
  /** The namespace of Consul Enterprise. The store's own prefix is `namespace`. */
  readonly consulNamespace?: string | undefined
  /** The admin partition of Consul Enterprise. */
  readonly partition?: string | undefined
  /**
   * The servers' `session_ttl_min`, in milliseconds. Consul lets a session live for twice its TTL, so the shortest `ttl` of
   * a key, session or lock is twice this.
   *
   * @default 10_000
   */
  readonly minimumTtl?: number | undefined
}

declare global {
  interface LibkvBackends {
    consul: ConsulOptions
  }
}

/** {@link ConsulOptions}, checked and complete. */
export interface ResolvedConsulOptions extends ServerOptions {
  readonly token: string | undefined
  readonly datacenter: string | undefined
  readonly consulNamespace: string | undefined
  readonly partition: string | undefined
  readonly minimumTtl: number
}

/** What Consul accepts at the most, for one session TTL. */
export const LONGEST_SESSION_TTL: number = 24 * 3_600_000

/** What goes into a header or a query. The message does not show it: it may be a secret. */
const header: OptionRule = text((value, name) =>
  /^[\u0021-\u007e]*$/.test(value)
    ? undefined
    : `${name} must be a string of printable ASCII characters without spaces`,
)

/** The rules of the options that Consul has of its own. */
export const consulRules: OptionRules<Omit<ConsulOptions, keyof StoreOptions>> = {
  token: header,
  datacenter: header,
  consulNamespace: header,
  partition: header,
  minimumTtl: number('milliseconds', 1, LONGEST_SESSION_TTL / 2),
}

/** Fills in the defaults. */
export function resolveConsulOptions(
  { token, datacenter, consulNamespace, partition, minimumTtl = 10_000 }: ConsulOptions,
  common: ServerOptions,
): ResolvedConsulOptions {
  return {
    ...common,
    token: unlessEmpty(token),
    datacenter: unlessEmpty(datacenter),
    consulNamespace: unlessEmpty(consulNamespace),
    partition: unlessEmpty(partition),
    minimumTtl,
  }
}

/** Environment variables are empty for what is not there. */
const unlessEmpty = (value: string | undefined): string | undefined =>
  value === '' ? undefined : value
