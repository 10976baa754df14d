import { LibkvError } from '@libkv/core'
import type { Write, WriteResult } from '@libkv/core/driver'
import type { Acl, MultiOperation, Stat } from './client/index.ts'
import { counterOf } from './zookeeper-creation-counters.ts'
import {
  createdNow,
  deletedNow,
  directoryAcl,
  mayHaveRecord,
  movedNow,
} from './zookeeper-creation-records.ts'
import { parentOf, recordOf, scratchChildOf } from './zookeeper-paths.ts'
import type { Put, TouchedKey } from './zookeeper-touched-key.ts'

export interface PlanContext {
  /** The session in which the plan is executed: the owner of its ephemeral nodes. */
  readonly sessionId: bigint
  readonly acl: Acl
  /** The versions of the creation counters that were read. */
  readonly counters: ReadonlyMap<string, number>
}

type ExistingKey = TouchedKey & { readonly stat: Stat }

/**
 * A commit as one `multi`, which fails as a whole if a node is not in the state that was read. Its
 * operations, in order:
 *
 * 1. conditions: versions of creation counters, and of nodes that are checked but not written;
 * 2. changes: existing nodes are written or deleted, children before their parents;
 * 3. creations of directory nodes and keys, parents before their children;
 * 4. follow-ups, which need the nodes above: creation records, scratch children;
 * 5. an increment of the creation counter of each node that was created.
 */
export class ZooKeeperCommitPlan {
  readonly #context: PlanContext
  readonly #keys: readonly TouchedKey[]
  readonly #conditions: MultiOperation[] = []
  readonly #changes: MultiOperation[] = []
  readonly #creations = new Map<string, MultiOperation>()
  readonly #followUps: MultiOperation[] = []
  readonly #incremented = new Set<string>()
  readonly #checkedCounters = new Set<string>()
  #lacksCounter = false

  constructor(keys: readonly TouchedKey[], context: PlanContext) {
    this.#keys = keys
    this.#context = context
    for (const key of keys) this.#add(key)
  }

  /** Whether a creation counter is missing, which has to be created before a plan can be made. */
  get lacksCounter(): boolean {
    return this.#lacksCounter
  }

  /** How many of the operations, from the first on, only check a condition. */
  get conditionCount(): number {
    return this.#conditions.length
  }

  get operations(): MultiOperation[] {
    const changes = [...this.#changes].sort((a, b) => b.path.length - a.path.length)
    const creations = [...this.#creations.values()].sort((a, b) => (a.path < b.path ? -1 : 1))
    const increments = [...this.#incremented].map((path): MultiOperation => {
      return { type: 'set', path, data: null }
    })
    return [...this.#conditions, ...changes, ...creations, ...this.#followUps, ...increments]
  }

  /** One for each write, in their order. */
  results(writes: readonly Write[], revision: bigint): WriteResult[] {
    return writes.map((write) => {
      const touched = this.#keys.find((one) => one.write === write)
      const { isKey = false, createRevision, stat } = touched ?? {}
      const created = isKey ? (createRevision ?? stat?.czxid ?? revision) : revision
      return { existed: isKey, createRevision: created }
    })
  }

  #add(touched: TouchedKey): void {
    const { write } = touched
    if (touched.stat === null) {
      if (write?.type === 'put') this.#create(touched, write)
      else this.#expectAbsence(touched)
      return
    }
    const existing = touched as ExistingKey
    const { path, stat, isKey } = existing
    if (existing.checks.length > 0 || write === undefined) this.#checkCounter(path)
    if (write?.type === 'put') this.#put(existing, write)
    else if (write !== undefined && isKey) this.#delete(existing)
    else this.#conditions.push({ type: 'check', path, version: stat.version })
  }

  /** ZooKeeper has no check for absence; creating and deleting the node has the same effect. */
  #expectAbsence({ path, missing, ephemeralAbove: above }: TouchedKey): void {
    if (above !== undefined) {
      this.#checkCounter(above.path)
      this.#conditions.push({ type: 'check', path: above.path, version: above.stat.version })
      return
    }
    const highest = missing.at(-1) ?? path
    this.#conditions.push(this.#node(highest, null), { type: 'delete', path: highest })
  }

  #create({ path, missing }: TouchedKey, { value, session, ttl, transient }: Put): void {
    for (const directory of missing) {
      this.#createDirectory(directory, transient === true && directory === parentOf(path))
    }
    const isEphemeral = session !== undefined || ttl !== undefined
    this.#creations.set(path, this.#node(path, value, isEphemeral))
    this.#incremented.add(counterOf(path))
  }

  #createDirectory(path: string, isTransient = false): void {
    if (this.#creations.has(path)) return
    // The server deletes an empty container even if it has data, so a node that may become a key
    // must not be one.
    const mode = isTransient ? 'container' : 'persistent'
    const acl = directoryAcl(this.#context.acl)
    this.#creations.set(path, { type: 'create', path, data: null, mode, acl })
    this.#incremented.add(counterOf(path))
  }

  #put(existing: ExistingKey, write: Put): void {
    const { path, stat, isKey, record } = existing
    const { value: data } = write
    const isBound = write.session !== undefined || write.ttl !== undefined
    let owner = isBound ? this.#context.sessionId : 0n
    if (write.keepSession === true) owner = stat.ephemeralOwner
    if (stat.ephemeralOwner === owner && isKey) {
      this.#changes.push({ type: 'set', path, data, version: stat.version })
    } else if (isBound || stat.ephemeralOwner !== 0n) {
      this.#replace(existing, data, isBound)
    } else {
      // The directory node becomes a key.
      this.#changes.push({ type: 'set', path, data, version: stat.version })
      if (!mayHaveRecord(stat)) this.#raiseCversion(path)
      this.#record(path, createdNow(stat), record !== null)
    }
  }

  /** Replaces the node, because it cannot change between permanent and ephemeral. */
  #replace(existing: ExistingKey, data: Uint8Array, isBound: boolean): void {
    const { path, stat, isKey, record, createRevision = stat.czxid } = existing
    if (isBound && this.#hasOtherChildren(existing)) throw descendantsRefused(existing.key)
    this.#checkCounter(path)
    this.#changes.push({ type: 'delete', path, version: stat.version })
    this.#incremented.add(counterOf(path))
    if (!isKey) {
      this.#creations.set(path, this.#node(path, data, isBound))
      this.#deleteRecord(existing)
      return
    }
    if (isBound) {
      // The second write raises its version, which shows that there may be a record.
      this.#creations.set(path, this.#node(path, null, true))
      this.#followUps.push({ type: 'set', path, data })
    } else {
      this.#creations.set(path, this.#node(path, data))
      this.#raiseCversion(path)
    }
    // A record is bound to the session of its key, so it is replaced as well.
    if (record !== null) this.#changes.push({ type: 'delete', path: recordOf(path) })
    this.#record(path, movedNow(createRevision), false, isBound)
  }

  #delete(existing: ExistingKey): void {
    const { path, stat, record } = existing
    if (!this.#hasOtherChildren(existing)) {
      this.#changes.push({ type: 'delete', path, version: stat.version })
      this.#deleteRecord(existing)
      return
    }
    this.#changes.push({ type: 'set', path, data: null, version: stat.version })
    this.#record(path, deletedNow(stat), record !== null)
  }

  /** Whether the node has children, or will have. */
  #hasOtherChildren({ path, stat }: ExistingKey): boolean {
    if (stat.numChildren > 0) return true
    const below = `${path}/`
    return this.#keys.some((other) => other.write?.type === 'put' && other.path.startsWith(below))
  }

  /** Shows that there may be a creation record: `cversion` counts created and deleted children. */
  #raiseCversion(path: string): void {
    const child = scratchChildOf(path)
    this.#followUps.push(this.#node(child, null), { type: 'delete', path: child })
  }

  #record(of: string, data: Uint8Array, exists: boolean, isBound = false): void {
    const path = recordOf(of)
    this.#followUps.push(exists ? { type: 'set', path, data } : this.#node(path, data, isBound))
  }

  #deleteRecord({ path, record }: TouchedKey): void {
    if (record !== null) this.#followUps.push({ type: 'delete', path: recordOf(path) })
  }

  #checkCounter(of: string): void {
    const path = counterOf(of)
    const version = this.#context.counters.get(path)
    if (version === undefined) this.#lacksCounter = true
    if (version === undefined || this.#checkedCounters.has(path)) return
    this.#checkedCounters.add(path)
    this.#conditions.push({ type: 'check', path, version })
  }

  #node(path: string, data: Uint8Array | null, isBound = false): MultiOperation {
    const mode = isBound ? 'ephemeral' : 'persistent'
    return { type: 'create', path, data, mode, acl: this.#context.acl }
  }
}

export function descendantsRefused(key: string): LibkvError {
  const message = `ZooKeeper has no keys below a key that is bound to a session or has a ttl, such as '${key}'`
  return new LibkvError('NOT_SUPPORTED', message, { backend: 'zookeeper' })
}
