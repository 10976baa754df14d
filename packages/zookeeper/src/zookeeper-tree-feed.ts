import type { Change, BackgroundCall, Entry } from '@libkv/core/driver'
import { isZooKeeperError } from './client/index.ts'
import type { StateEvent, WatchEvent } from './client/index.ts'
import { entryOf, isKey, nodeOf } from './zookeeper-connection.ts'
import type { ZooKeeperContext } from './zookeeper-context.ts'
import { mayHaveRecord } from './zookeeper-creation-records.ts'
import { ZooKeeperFeed } from './zookeeper-feed.ts'
import { OneShotWatches } from './zookeeper-one-shot-watches.ts'
import { directoryOf, keyOfPath, pathOf } from './zookeeper-paths.ts'
import { PositionedCall } from './zookeeper-positioned-call.ts'
import { entriesOf } from './zookeeper-tree-entries.ts'
import { scanTree } from './zookeeper-tree-scan.ts'

/** Nodes read by one request. */
const BATCH = 100
/** Reads of keys that change during the read before, until the changes are reported. */
const ROUNDS = 5

/**
 * The feed of a tree: one persistent recursive watch, and reads of the keys that it reports as
 * changed. It misses changes while the connection is lost: after each gap the tree is read again.
 * Core drops states that were reported before.
 */
export class TreeFeed extends ZooKeeperFeed {
  readonly #prefix: string
  readonly #root: string
  /** Keys that changed after they were read. */
  readonly #changed = new Set<string>()
  #isWatching = false
  /** For servers without recursive watches. */
  #oneShot: OneShotWatches | undefined
  #wasLost = false
  /** Whether changes may have been missed, so that the whole tree has to be read. */
  #hasGap = true
  #revision = 0n

  constructor(context: ZooKeeperContext, prefix: string) {
    super(context)
    this.#prefix = prefix
    this.#root = directoryOf(prefix)
  }

  protected override restart(): void {
    this.#hasGap = true
  }

  protected override async readWatched(call: BackgroundCall): Promise<void> {
    if (this.#hasGap) await this.#readAll(call)
    else await this.#readChanged(call)
  }

  protected override unwatch(): void {
    this.#oneShot?.clear()
    if (!this.#isWatching) return
    this.#isWatching = false
    this.removeWatch(this.#root, this.#onChange)
  }

  protected override stateChanged({ type }: StateEvent): void {
    if (type === 'expired') {
      this.#isWatching = false
      this.#oneShot?.forget()
    }
    if (type === 'expired' || type === 'disconnected') this.#wasLost = true
    if (type !== 'connected' || !this.#wasLost) return
    this.#wasLost = false
    this.#onGap()
  }

  readonly #onGap = (): void => {
    this.#hasGap = true
    this.due()
  }

  readonly #onChange = ({ path }: WatchEvent): void => {
    const key = keyOfPath(path)
    if (!key?.startsWith(this.#prefix)) return
    this.#changed.add(key)
    this.due()
  }

  async #readAll(call: BackgroundCall): Promise<void> {
    const { connection } = this.context
    this.#hasGap = false
    this.#changed.clear()
    try {
      const watching = this.#watch(call)
      const request = { prefix: this.#prefix, linearizable: true, values: true }
      const [tree] = await Promise.all([scanTree(connection, request, call), watching])
      const entries = await entriesOf(connection, tree, call)
      // Changes since the scan are read after this state is reported.
      const hasChanged = await this.#oneShot?.arm(this.#root, tree.nodes, call)
      if (this.isClosed) return
      if (hasChanged === true) this.#onGap()
      this.#revision = tree.revision > this.#revision ? tree.revision : this.#revision
      this.observer.snapshot(entries, this.#revision)
    } catch (error) {
      this.#hasGap = true
      this.unwatch()
      if (isZooKeeperError(error, 'UNIMPLEMENTED')) {
        this.#oneShot ??= new OneShotWatches(connection.client, this.#onGap)
      }
      throw error
    }
  }

  #watch(call: BackgroundCall): Promise<void> {
    if (this.#isWatching || this.#oneShot !== undefined) return Promise.resolve()
    this.#isWatching = true
    const { client } = this.context.connection
    return client.watch(this.#root, 'persistentRecursive', this.#onChange, call)
  }

  async #readChanged(call: BackgroundCall): Promise<void> {
    const changes = new Map<string, Change>()
    let position = 0n
    try {
      // Changes during the read may belong to the same transaction.
      for (let round = 0; round < ROUNDS && this.#changed.size > 0; round++) {
        const keys = [...this.#changed]
        this.#changed.clear()
        const reading = new PositionedCall(call)
        for (const [key, change] of await this.#readKeys(keys, reading)) changes.set(key, change)
        position = reading.zxid
      }
    } catch (error) {
      this.#hasGap = true
      throw error
    }
    // A server reports a change before it answers later requests, so the position holds if there is
    // none.
    if (this.#changed.size > 0) position = 0n
    this.#report([...changes.values()], position)
  }

  async #readKeys(keys: readonly string[], call: PositionedCall): Promise<[string, Change][]> {
    const batches: Promise<[string, Change][]>[] = []
    for (let i = 0; i < keys.length; i += BATCH) {
      batches.push(this.#readBatch(keys.slice(i, i + BATCH), call))
    }
    return (await Promise.all(batches)).flat()
  }

  async #readBatch(keys: readonly string[], call: PositionedCall): Promise<[string, Change][]> {
    const { connection } = this.context
    const paths = keys.map(pathOf)
    const reads = paths.map((path) => ({ type: 'get', path }) as const)
    const results = await connection.client.multiRead(reads, call)
    return Promise.all(
      keys.map(async (key, i): Promise<[string, Change]> => {
        const node = nodeOf(results[i] ?? null)
        let entry: Entry | null = null
        if (isKey(node)) {
          entry = mayHaveRecord(node.stat)
            ? await connection.read(key, paths[i] ?? '', false, call)
            : entryOf(key, node, node.stat.czxid)
        }
        return [
          key,
          entry === null ? { type: 'delete', key, revision: call.zxid } : { type: 'put', entry },
        ]
      }),
    )
  }

  #report(changes: readonly Change[], position: bigint): void {
    const revisions = changes.map((change) => (change.type === 'put' ? change.entry.revision : 0n))
    for (const revision of [...revisions, position]) {
      if (revision > this.#revision) this.#revision = revision
    }
    if (changes.length > 0 && !this.isClosed) this.observer.changes(changes, this.#revision)
  }
}
