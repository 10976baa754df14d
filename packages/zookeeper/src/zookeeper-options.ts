import { anything, number, oneOf, text, tlsReason } from '@libkv/core/driver'
import type { OptionRules, ServerOptions } from '@libkv/core/driver'
import type { StoreOptions } from '@libkv/core'
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
  /** Who to be: `{ scheme: 'digest', username, password }`, or what another scheme of the servers takes. Several are allowed. */
  readonly auth?: DigestAuth | Auth | readonly (DigestAuth | Auth)[] | undefined
  /** With `password`: the same as `auth` of scheme `digest`, for URLs. */
  readonly username?: string | undefined
  readonly password?: string | undefined
  /**
   * Who may do what with the nodes that the store creates.
   *
   * @default `CREATOR_ALL` with `auth`, else `OPEN`
   */
  readonly acl?: Acl | undefined
  /**
   * A path of ZooKeeper below which everything is, what the library keeps for itself included. Stores that are to share keys
   * need the same one. It must exist. A trailing slash is dropped.
   *
   * @default '/'
   */
  readonly chroot?: string | undefined
  /**
   * The `tickTime` of the servers, in milliseconds. The shortest `ttl` is twice that, and `expirySlack` grows with it.
   *
   * @default 2_000
   */
  readonly tickTime?: number | undefined
  /**
   * How long the servers keep the connection's own session, on which nothing but watches depends, in milliseconds. A server
   * that is silent for two thirds of it is given up for another one.
   *
   * @default 6_000
   */
  readonly sessionTimeout?: number | undefined
  /**
   * What makes reads linearizable: `proposal` is on the safe side and costs the servers a transaction, one for all reads that
   * leave together; `sync` costs less and lets a read through now and then that is milliseconds behind.
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

/** The rules of the options that ZooKeeper has of its own. */
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
    // Core keeps the process alive for calls in flight; watches and sessions of users do it with ref().
    keepAlive: false,
    auth,
    chroot,
    tlsReason,
    tls:
      tls &&
      (() => {
        const { context, servername, rejectUnauthorized } = tls.material()
        return { secureContext: context, servername, rejectUnauthorized }
      }),
  }
}
