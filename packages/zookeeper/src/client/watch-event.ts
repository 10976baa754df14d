/** A change of a node. It carries no data: read the node to see what it has become. */
export interface WatchEvent {
  /** `childrenChanged` says that a child came or went. Recursive watches get the child's `created` or `deleted` instead. */
  readonly type: 'created' | 'deleted' | 'changed' | 'childrenChanged'
  /** The node, below the chroot. */
  readonly path: string
  /** The transaction that did it, on servers since 3.9. */
  readonly zxid: bigint | undefined
}

/** Hears of changes. A one-shot watch calls it once at most. */
export type WatchListener = (event: WatchEvent) => void

/** Of one node and its children's coming and going, or of a node and all below it. */
export type WatchMode = 'persistent' | 'persistentRecursive'
