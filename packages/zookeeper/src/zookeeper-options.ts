import type { StoreOptions } from '@libkv/core'
import { anything, number, oneOf, text, tlsOptions, tlsReason } from '@libkv/core/driver'
import type { OptionRules, ServerOptions } from '@libkv/core/driver'
import type { Acl, Auth, ClientOptions } from './client/index.ts'
import {
  LONGEST_TICK,
  LONGEST_TIMEOUT,
  aclOf,
  chrootOf,
  identitiesOf,
} from './zookeeper-option-checks.ts'
import type { ReadBarrier } from './zookeeper-read-barrier.ts'

/** An identity of ZooKeeper's own scheme, by user and password. */
export interface DigestAuth {
  readonly scheme: 'digest'
  readonly username: string
  readonly password: string
}

/** The options of the ZooKeeper backend. */
export interface ZooKeeperOptions extends StoreOptions {
  /**
   * The identities: `{ scheme: 'digest', username, password }`, or `{ scheme, auth }` for another
   * scheme of the servers.
   */
  readonly auth?: DigestAuth | Auth | readonly (DigestAuth | Auth)[] | undefined
  /** With `password`: the same as `auth` of scheme `digest`, for URLs. */
  readonly username?: string | undefined
  readonly password?: string | undefined
  /**
   * The permissions of nodes that the store creates.
   *
   * @default `CREATOR_ALL` with `auth`, else `OPEN`
   */
  readonly acl?: Acl | undefined
  /**
   * The path below which all nodes are, those of the library included. Stores that share keys need
   * the same one. It must exist. A trailing slash is dropped.
   *
   * @default '/'
   */
  readonly chroot?: string | undefined
  /**
   * The `tickTime` of the servers in ms. The shortest `ttl` is twice that, and `expirySlack` grows
   * with it.
   *
   * @default 2_000
   */
  readonly tickTime?: number | undefined
  /**
   * Timeout in ms of the connection's own session, on which only watches depend. The client fails
   * over from a server that is silent for two thirds of it.
   *
   * @default 6_000
   */
  readonly sessionTimeout?: number | undefined
  /**
   * How reads become linearizable. `proposal` is safe and costs the servers a transaction, one for
   * all reads that are sent together; `sync` costs less, and rarely a read is stale by
   * milliseconds.
   *
   * @default 'proposal'
   */
  readonly readBarrier?: ReadBarrier | undefined
}

declare global {
  interface LibkvBackends {
    zookeeper: ZooKeeperOptions
    zk: ZooKeeperOptions
  }
}

/** {@link ZooKeeperOptions}, checked and complete. */
export interface ResolvedZooKeeperOptions extends ServerOptions {
  readonly auth: readonly Auth[]
  readonly acl: Acl
  readonly chroot: string
  readonly tickTime: number
  readonly sessionTimeout: number
  readonly readBarrier: ReadBarrier
}

/** The rules of the options that only ZooKeeper has. */
export const zookeeperRules: OptionRules<Omit<ZooKeeperOptions, keyof StoreOptions>> = {
  // Checked by aclOf(), chrootOf() and identitiesOf().
  ...{ acl: anything, auth: anything, chroot: anything },
  username: text(),
  password: text(),
  tickTime: number('milliseconds', 1, LONGEST_TICK),
  sessionTimeout: number('milliseconds', 1, LONGEST_TIMEOUT),
  readBarrier: oneOf('proposal', 'sync'),
}

/** @throws TypeError, LibkvError `INVALID_OPTION`. */
export function resolveZooKeeperOptions(
  options: ZooKeeperOptions,
  common: ServerOptions,
): ResolvedZooKeeperOptions {
  const auth = identitiesOf({ ...options })
  const { tickTime = 2_000, sessionTimeout = 6_000, readBarrier = 'proposal' } = options
  return {
    ...common,
    auth,
    acl: aclOf(options.acl, auth.length > 0),
    chroot: chrootOf(options.chroot),
    tickTime,
    sessionTimeout,
    readBarrier,
  }
}

/** The options of all connections of a store. */
export function clientOptions(options: ResolvedZooKeeperOptions): ClientOptions {
  const { addresses, auth, chroot, runtime, tls } = options
  return {
    servers: addresses,
    runtime,
    // Core keeps the process alive for calls in flight; watches and sessions of users do it with
    // ref().
    keepAlive: false,
    auth,
    chroot,
    tlsReason,
    tls: tls && (() => tlsOptions(tls.material())),
  }
}
