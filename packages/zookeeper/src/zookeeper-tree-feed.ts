import type { Change, BackgroundCall, Entry, Observer } from '@libkv/core/driver'
import { mayHaveRecord } from './zookeeper-creation-records.ts'
import { isZooKeeperError } from './client/index.ts'
import type { StateEvent, WatchEvent } from './client/index.ts'
import { OneShotWatches } from './zookeeper-one-shot-watches.ts'
import { entriesOf } from './zookeeper-tree-entries.ts'
import { scanTree } from './zookeeper-tree-scan.ts'
import { PositionedCall } from './zookeeper-positioned-call.ts'
import { entryOf, isKey, nodeOf } from './zookeeper-connection.ts'
import { ZooKeeperFeed } from './zookeeper-feed.ts'
import type { FeedContext } from './zookeeper-feed.ts'
import { directoryOf, keyOfPath, pathOf } from './zookeeper-paths.ts'

/** How many nodes are read by one request. */
const BATCH = 100
/** How often it reads what has changed while it was reading before it tells what it has. */
const ROUNDS = 5

/** What has to be remembered of a key to know whether it is another state. */
type Told = Pick<Entry, 'revision' | 'createRevision'>

const told = ({ revision, createRevision }: Entry): Told => ({ revision, createRevision })

/**
 * The feed of a tree: one watch over all of it that lasts, and reads of what it tells to have changed. It does not tell what
 * changes while there is no connection: after each gap the tree is read anew.
 */
export class TreeFeed extends ZooKeeperFeed {
  readonly #prefix: string
  readonly #root: string
  /** The keys that were told, and at which revisions. */
  readonly #known = new Map<string, Told>()
  /** Keys that have changed since they were read. */
  readonly #changed = new Set<string>()
  #isWatching = false
  /** Where servers have no watch for a tree. */
  #oneShot: OneShotWatches | undefined
  #wasLost = false
  /** Whether there was a gap, after which the whole tree is to be read. */
  #hasGap = true
  #revision = 0n

  constructor(context: FeedContext, prefix: string, observer: Observer) {
    super(context, observer)
    this.#prefix = prefix
    this.#root = directoryOf(prefix)
    this.due()
  }

  protected override async readWatched(call: BackgroundCall): Promise<void> {
    if (this.#hasGap) await this.#readAll(call)
    else await this.#readChanged(call)
  }

  protected override unwatch(): void {
    this.#oneShot?.clear()
    if (!this.#isWatching) return
    this.#isWatching = false
    void this.context.connection.client
      .removeWatch(this.#root, this.#onChange)
      .catch(() => undefined)
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
      const request = {
        root: this.#root,
        rootKey: this.#prefix.slice(0, -1),
        linearizable: true,
        values: true,
      }
      const [tree] = await Promise.all([scanTree(connection, request, call), watching])
      const entries = await entriesOf(connection, tree, call)
      // What has changed since is read once this is told.
      const hasChanged = await this.#oneShot?.arm(this.#root, tree.nodes, call)
      if (this.isClosed) return
      if (hasChanged === true) this.#onGap()
      this.#known.clear()
      for (const entry of entries) this.#known.set(entry.key, told(entry))
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
      // What changes meanwhile may belong together with what is being read.
      for (let round = 0; round < ROUNDS && this.#changed.size > 0; round++) {
        const keys = [...this.#changed]
        this.#changed.clear()
        const reading = new PositionedCall(call)
        for (const [key, change] of await this.#look(keys, reading)) changes.set(key, change)
        position = reading.zxid
      }
    } catch (error) {
      this.#hasGap = true
      throw error
    }
    // The server tells of a change before it answers what was asked after it.
    if (this.#changed.size > 0) position = 0n
    this.#tell([...changes.values()], position)
  }

  async #look(keys: readonly string[], call: PositionedCall): Promise<[string, Change][]> {
    const batches: Promise<[string, Change][]>[] = []
    for (let i = 0; i < keys.length; i += BATCH) {
      batches.push(this.#lookAt(keys.slice(i, i + BATCH), call))
    }
    return (await Promise.all(batches)).flat()
  }

  async #lookAt(keys: readonly string[], call: PositionedCall): Promise<[string, Change][]> {
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

  #tell(all: readonly Change[], position: bigint): void {
    const changes = all.filter((change) => this.#isNews(change))
    for (const change of changes) {
      if (change.type === 'delete') this.#known.delete(change.key)
      else this.#known.set(change.entry.key, told(change.entry))
    }
    const revisions = changes.map((change) => (change.type === 'put' ? change.entry.revision : 0n))
    for (const revision of [...revisions, position]) {
      if (revision > this.#revision) this.#revision = revision
    }
    if (changes.length > 0 && !this.isClosed) this.observer.changes(changes, this.#revision)
  }

  #isNews(change: Change): boolean {
    if (change.type === 'delete') return this.#known.has(change.key)
    const { key, revision, createRevision } = change.entry
    const known = this.#known.get(key)
    return known?.revision !== revision || known.createRevision !== createRevision
  }
}
