import type { Children, CreateOptions, NodeData, Stat } from './node.ts'
import type { ZooKeeperError } from './zookeeper-error.ts'

/** One of several writes that happen together or not at all. A `version` that is not given, or -1, is any. */
export type MultiOperation =
  | ({
      readonly type: 'create'
      readonly path: string
      readonly data: Uint8Array | null
    } & CreateOptions)
  | {
      readonly type: 'set'
      readonly path: string
      readonly data: Uint8Array | null
      readonly version?: number | undefined
    }
  | { readonly type: 'delete'; readonly path: string; readonly version?: number | undefined }
  | { readonly type: 'check'; readonly path: string; readonly version?: number | undefined }

/** What became of one operation of a multi. */
export type MultiResult = {
  /** The transaction, the same for all operations of the multi. */
  readonly zxid: bigint
} & (
  | {
      readonly type: 'create'
      readonly path: string
      /** Missing on servers before 3.8.2, except of containers and of nodes with a time to live. */
      readonly stat?: Stat
    }
  | { readonly type: 'set'; readonly stat: Stat }
  | { readonly type: 'delete' | 'check' }
)

/** One of several reads that share a request. */
export interface Read {
  readonly type: 'get' | 'children'
  readonly path: string
}

/** What one read found, `null` where there is no node. The server sends no stat with the children here. */
export type ReadResult =
  | ({ readonly type: 'get' } & NodeData)
  | ({ readonly type: 'children' } & Pick<Children, 'children'>)
  | ZooKeeperError
  | null
