import type { KVPair } from '../contract/key-value-pair.ts'
import { compareKeys } from '../contract/keys.ts'
import type { TreeChange, TreeSnapshot } from '../contract/store.ts'

/**
 * A snapshot that shares its state with those after it. Only the newest holds the tree; an older one knows its successor
 * and undoes what has changed since, if it is still asked (after Baker, "Shallow binding makes functional arrays fast",
 * 1991). So a step costs what changed, and a snapshot that nobody keeps is garbage.
 */
export class Snapshot implements TreeSnapshot {
  readonly changes: readonly TreeChange[]
  readonly revision: bigint
  #tree: ReadonlyMap<string, KVPair> | undefined
  #successor: Snapshot | undefined
  #pairs: readonly KVPair[] | undefined

  constructor(tree: ReadonlyMap<string, KVPair>, changes: readonly TreeChange[], revision: bigint) {
    this.#tree = tree
    this.changes = changes
    this.revision = revision
  }

  get pairs(): readonly KVPair[] {
    return (this.#pairs ??= [...this.#rebuild().values()].sort((a, b) => compareKeys(a.key, b.key)))
  }

  /** The tree is the successor's from now on. */
  supersede(successor: Snapshot): void {
    this.#tree = undefined
    this.#successor = successor
  }

  #rebuild(): ReadonlyMap<string, KVPair> {
    if (this.#tree !== undefined) return this.#tree
    const later: Snapshot[] = []
    for (let next = this.#successor; next !== undefined; next = next.#successor) later.push(next)
    const newest = later.at(-1)
    const tree = new Map(newest === undefined ? [] : newest.#tree)
    for (const { changes } of later.reverse()) {
      for (const { key, previous } of changes) {
        if (previous === undefined) tree.delete(key)
        else tree.set(key, previous)
      }
    }
    return tree
  }
}
