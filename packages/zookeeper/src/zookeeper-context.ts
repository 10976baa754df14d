import type { ZooKeeperConnection } from './zookeeper-connection.ts'
import type { Housekeeping } from './zookeeper-housekeeping.ts'
import type { KnownDirectories } from './zookeeper-known-directories.ts'
import type { ResolvedZooKeeperOptions } from './zookeeper-options.ts'

/** The parts that the operations of one driver share. */
export interface ZooKeeperContext {
  /** The connection for everything that is not bound to a session of a user. */
  readonly connection: ZooKeeperConnection
  readonly options: ResolvedZooKeeperOptions
  readonly directories: KnownDirectories
  readonly housekeeping: Housekeeping
}
