import type { Acl } from './acl.ts'

/** What the server knows about a node. */
export interface Stat {
  /** The transaction that created it. */
  readonly czxid: bigint
  /** The transaction that last wrote its data. */
  readonly mzxid: bigint
  /** The transaction that last created or deleted a child of it. */
  readonly pzxid: bigint
  /** When it was created, on the server's clock, in milliseconds since 1970. */
  readonly ctime: number
  /** When its data was last written, likewise. */
  readonly mtime: number
  /** How often its data was written since it was created; a node that is created again starts at 0 again. */
  readonly version: number
  /** The same for its children. */
  readonly cversion: number
  /** The same for its ACL. */
  readonly aversion: number
  /** The session that an ephemeral node belongs to, else 0. Container and TTL nodes have values of their own here. */
  readonly ephemeralOwner: bigint
  /** 0 for no data as well as for empty data. */
  readonly dataLength: number
  readonly numChildren: number
}

/** A node with its data; `null` is none, which is not the same as empty. */
export interface NodeData {
  readonly data: Uint8Array | null
  readonly stat: Stat
}

/** The names of a node's children, in no order. */
export interface Children {
  readonly children: readonly string[]
  readonly stat: Stat
}

/** A node that was created. */
export interface Created {
  /** With the number that the server appended, if it is sequential. */
  readonly path: string
  readonly stat: Stat
}

/**
 * What becomes of a node. An ephemeral one goes with the session; a sequential one gets ten digits appended that grow with
 * each node created beside it; a container goes some time after its last child.
 */
export type CreateMode =
  'persistent' | 'persistentSequential' | 'ephemeral' | 'ephemeralSequential' | 'container'

export interface CreateOptions {
  /** @default 'persistent' */
  readonly mode?: CreateMode | undefined
  /**
   * In milliseconds, less than 2^40: a persistent node without children goes when it was not written for that long. Servers
   * must have been told to allow it (`extendedTypesEnabled`), else it is `UNIMPLEMENTED`.
   */
  readonly ttl?: number | undefined
  /** Who may do what. @default {@link OPEN} */
  readonly acl?: Acl | undefined
}
