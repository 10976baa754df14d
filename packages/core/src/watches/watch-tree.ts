import type { Change, Entry } from '../driver-kit/driver.ts'
import type { KVPair } from '../contract/key-value-pair.ts'
import { compareKeys } from '../contract/keys.ts'
import type { Keyspace } from '../store/keyspace.ts'
import type { CallOptions } from '../contract/call-options.ts'
import type { TreeChange, TreeSnapshot } from '../contract/store.ts'
import { Snapshot } from './tree-snapshot.ts'
import { Watch } from './watch.ts'
import type { WatchContext } from './watch.ts'

/** The states of a tree. */
export class TreeWatch extends Watch<TreeSnapshot> {
  protected override readonly operation = 'watchTree'
  readonly #keyspace: Keyspace
  /** The tree as it was delivered. */
  readonly #tree = new Map<string, KVPair>()
  /** What has changed since, by the driver's key: the latest state, `null` for a deletion. */
  readonly #pending = new Map<string, Entry | null>()
  #revision: bigint | undefined
  #delivered: Snapshot | undefined

  constructor(
    context: WatchContext,
    keyspace: Keyspace,
    directory: string,
    options: CallOptions | undefined,
  ) {
    super(context, directory, options)
    this.#keyspace = keyspace
  }

  override snapshot(entries: readonly Entry[], revision: bigint): void {
    this.#pending.clear()
    for (const key of this.#tree.keys()) this.#pending.set(this.#keyspace.full(key), null)
    for (const entry of entries) this.#pending.set(entry.key, entry)
    this.#revision = revision
    this.arrived()
  }

  override changes(changes: readonly Change[], revision: bigint): void {
    for (const change of changes) {
      if (change.type === 'put') this.#pending.set(change.entry.key, change.entry)
      else this.#pending.set(change.key, null)
    }
    this.#revision = revision
    this.arrived()
  }

  protected override take(): TreeSnapshot | undefined {
    if (this.#revision === undefined) return undefined
    const changes = this.#apply()
    if (changes.length === 0 && this.#delivered !== undefined) return undefined
    const snapshot = new Snapshot(this.#tree, changes, this.#revision)
    this.#delivered?.supersede(snapshot)
    this.#delivered = snapshot
    return snapshot
  }

  #apply(): TreeChange[] {
    const changes: TreeChange[] = []
    for (const [fullKey, entry] of this.#pending) {
      if (!this.#keyspace.shows(fullKey)) continue
      const key = this.#keyspace.strip(fullKey)
      const previous = this.#tree.get(key)
      if (entry === null) {
        if (previous !== undefined) changes.push({ type: 'delete', key, previous })
      } else if (
        previous?.revision !== entry.revision ||
        previous.createRevision !== entry.createRevision
      ) {
        const pair = this.#keyspace.pairOfShared(entry)
        changes.push({ type: 'put', key, pair, ...(previous && { previous }) })
      }
    }
    this.#pending.clear()
    for (const { key, pair } of changes) {
      if (pair === undefined) this.#tree.delete(key)
      else this.#tree.set(key, pair)
    }
    return changes.sort((a, b) => compareKeys(a.key, b.key))
  }
}
