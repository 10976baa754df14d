import { LibkvError, TlsSource, resolveOptions } from '@libkv/core'
import type { ResolvedOptions, StoreOptions } from '@libkv/core'
import { CREATOR_ALL, OPEN } from './client/index.ts'
import type { Acl, Auth } from './client/index.ts'
import type { ReadBarrier } from './read-barrier.ts'

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
   * need the same one. It must exist.
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

/** {@link ZooKeeperOptions}, checked and complete. */
export interface ResolvedZooKeeperOptions extends ResolvedOptions {
  /** `host:port` each. */
  readonly addresses: readonly string[]
  readonly tls: TlsSource | undefined
  readonly auth: readonly Auth[]
  readonly acl: Acl
  readonly chroot: string
  readonly tickTime: number
  readonly sessionTimeout: number
  readonly readBarrier: ReadBarrier
}

/** Where ZooKeeper listens by default. */
const DEFAULT_PORT = 2181
const DEFAULT_ADDRESS = `127.0.0.1:${String(DEFAULT_PORT)}`

/** @throws LibkvError `INVALID_OPTION`, `INVALID_KEY` for the namespace. */
export function resolveZooKeeperOptions(
  addresses: readonly string[] = [DEFAULT_ADDRESS],
  options: ZooKeeperOptions = {},
): ResolvedZooKeeperOptions {
  const resolved = resolveOptions(options, 'zookeeper')
  if (addresses.length === 0) throw invalid('there is no address')
  const auth = identitiesOf(options)
  const { tls = false, acl = auth.length > 0 ? CREATOR_ALL : OPEN, chroot = '/' } = options
  if (!Array.isArray(acl) || acl.length === 0) throw invalid('acl is empty')
  if (!isPath(chroot)) throw invalid(`chroot ${JSON.stringify(chroot)} is not a path such as /app`)
  const { readBarrier = 'proposal' } = options
  if (!['proposal', 'sync'].includes(readBarrier)) {
    throw invalid(`readBarrier ${JSON.stringify(readBarrier)} is neither proposal nor sync`)
  }
  const source = tls === false ? undefined : new TlsSource(tls, 'zookeeper')
  // What is wrong with it is to be known at once.
  source?.material()
  return {
    ...resolved,
    addresses: addresses.map(parseAddress),
    tls: source,
    auth,
    acl: acl as Acl,
    chroot,
    tickTime: milliseconds('tickTime', options.tickTime ?? 2_000),
    sessionTimeout: milliseconds('sessionTimeout', options.sessionTimeout ?? 6_000),
    readBarrier,
  }
}

function identitiesOf({ auth, username, password }: ZooKeeperOptions): Auth[] {
  if ((username === undefined) !== (password === undefined)) {
    throw invalid('username and password are needed together')
  }
  const given: readonly (DigestAuth | Auth)[] = [auth ?? []].flat()
  const identities = given.map((one): Auth => ('auth' in one ? one : digest(one)))
  if (username !== undefined && password !== undefined) {
    identities.push(digest({ username, password }))
  }
  return identities
}

function digest({ username, password }: Omit<DigestAuth, 'scheme'>): Auth {
  if (typeof username !== 'string' || typeof password !== 'string' || username === '') {
    throw invalid('auth of scheme digest needs username and password')
  }
  if (username.includes(':')) throw invalid('a username has no colon')
  return { scheme: 'digest', auth: `${username}:${password}` }
}

function parseAddress(text: string): string {
  const match = /^(\[[0-9a-f:.]+\]|[^\s:/@[\]]+)(?::(\d{1,5}))?$/i.exec(text)
  const [, host, port = String(DEFAULT_PORT)] = match ?? []
  if (host === undefined || Number(port) > 65_535) {
    throw invalid(`address ${JSON.stringify(text)} is not host:port`)
  }
  return `${host}:${port}`
}

const isPath = (path: string): boolean =>
  typeof path === 'string' && (path === '/' || /^(?:\/(?!\.{1,2}(?:\/|$))[^/]+)+$/.test(path))

/** A URL gives numbers as text. */
function milliseconds(name: string, given: unknown): number {
  const value = Number(given)
  if (value >= 1 && Number.isFinite(value)) return value
  throw invalid(`${name} is ${String(given)}; it must be a number of milliseconds, at least 1`)
}

function invalid(message: string): LibkvError {
  return new LibkvError('INVALID_OPTION', message, { backend: 'zookeeper' })
}
