import { LibkvError } from '@libkv/core'
import type { Check, Write, WriteResult } from '@libkv/core/driver'
import { bornNow, diesNow, directoryAcl, mayDiffer, movedNow } from './zookeeper-creation-records.ts'
import type { Acl, MultiOperation, MultiResult, NodeData, Stat } from './client/index.ts'
import { guardOf } from './zookeeper-creation-counters.ts'
import { parentOf, recordOf, tokenOf } from './zookeeper-paths.ts'

/** A key that a commit is about: what is wanted of it, and what was found. */
export interface Subject {
  readonly key: string
  readonly path: string
  readonly checks: readonly Check[]
  readonly write: Write | undefined
  /** Its node; null where there is none. */
  stat: Stat | null
  /** Whether the node is a key, and not a directory. */
  isKey: boolean
  /** The node's data, where they were read. */
  data: Uint8Array | undefined
  /** The record beside the node; null where there is none or nothing was asked. */
  record: NodeData | null
  /** When the key came into being, where that is needed. */
  birth: bigint | undefined
  /** The directories above it that are missing, the nearest first. */
  missing: readonly string[]
  /** The ephemeral node above it, below which there can be none. */
  above: { readonly path: string; readonly stat: Stat } | undefined
}

/** Who the ephemeral nodes belong to, and what permits what. */
export interface PlanContext {
  /** The session in which the transaction is carried out. */
  readonly sessionId: bigint
  readonly acl: Acl
  /** The versions of the guards that were read. */
  readonly guards: ReadonlyMap<string, number>
}

type Put = Write & { readonly type: 'put' }
type Existing = Subject & { readonly stat: Stat }

/** A commit as one transaction of ZooKeeper, which fails if anything is other than it was found. */
export class CommitPlan {
  readonly #context: PlanContext
  readonly #subjects: readonly Subject[]
  // In the order in which they are carried out.
  readonly #conditions: MultiOperation[] = []
  readonly #changes: MultiOperation[] = []
  readonly #creations = new Map<string, MultiOperation>()
  readonly #followUps: MultiOperation[] = []
  /** The guards to be counted up. */
  readonly #bumped = new Set<string>()
  readonly #guarded = new Set<string>()
  #lacksGuard = false

  constructor(subjects: readonly Subject[], context: PlanContext) {
    this.#subjects = subjects
    this.#context = context
    for (const subject of subjects) this.#add(subject)
  }

  /** Whether there are no guards yet, so that the plan does not hold. */
  get lacksGuard(): boolean {
    return this.#lacksGuard
  }

  /** Whether that operation only makes sure of something. */
  isCondition(index: number): boolean {
    return index < this.#conditions.length
  }

  get operations(): MultiOperation[] {
    // What is above comes first when nodes are made, and last when they go.
    const creations = [...this.#creations.values()].sort((a, b) => (a.path < b.path ? -1 : 1))
    const changes = [...this.#changes].sort((a, b) => b.path.length - a.path.length)
    const guards = [...this.#bumped].map((path): MultiOperation => ({
      type: 'set',
      path,
      data: null,
    }))
    return [...this.#conditions, ...changes, ...creations, ...this.#followUps, ...guards]
  }

  /** One for each write, in their order. */
  results(writes: readonly Write[], revision: bigint): WriteResult[] {
    return writes.map((write) => {
      const subject = this.#subjects.find((one) => one.write === write)
      const { isKey = false, birth, stat } = subject ?? {}
      const createRevision = isKey ? (birth ?? stat?.czxid ?? revision) : revision
      return { existed: isKey, createRevision }
    })
  }

  #add(subject: Subject): void {
    const { write } = subject
    if (subject.stat === null) {
      if (write?.type === 'put') this.#create(subject, write)
      else this.#expectAbsence(subject)
      return
    }
    const existing = subject as Existing
    if (subject.checks.length > 0 || write === undefined) this.#guard(existing.path)
    if (write === undefined) this.#expect(existing)
    else if (write.type === 'put') this.#put(existing, write)
    else if (subject.isKey) this.#delete(existing)
    else this.#expect(existing)
  }

  #expect({ path, stat: { version } }: Existing): void {
    this.#conditions.push({ type: 'check', path, version })
  }

  /** There is no condition that a node is missing, but what was made and removed was not there. */
  #expectAbsence({ path, missing, above }: Subject): void {
    if (above !== undefined) {
      this.#guard(above.path)
      this.#conditions.push({ type: 'check', path: above.path, version: above.stat.version })
      return
    }
    const highest = missing.at(-1) ?? path
    this.#conditions.push(this.#node(highest, null), { type: 'delete', path: highest })
  }

  #create({ path, missing }: Subject, { value, session, ttl, transient }: Put): void {
    for (const directory of missing) {
      this.#createDirectory(directory, transient === true && directory === parentOf(path))
    }
    const isEphemeral = session !== undefined || ttl !== undefined
    this.#creations.set(path, this.#node(path, value, isEphemeral))
    this.#bumped.add(guardOf(path))
  }

  #createDirectory(path: string, isTransient = false): void {
    if (this.#creations.has(path)) return
    // The server removes a container when it is empty, whatever its data: so what may become a key is none.
    const mode = isTransient ? 'container' : 'persistent'
    const acl = directoryAcl(this.#context.acl)
    this.#creations.set(path, { type: 'create', path, data: null, mode, acl })
    this.#bumped.add(guardOf(path))
  }

  #put(subject: Existing, write: Put): void {
    const { path, stat, isKey } = subject
    const { value: data } = write
    const isBound = write.session !== undefined || write.ttl !== undefined
    let owner = isBound ? this.#context.sessionId : 0n
    if (write.keepSession === true) owner = stat.ephemeralOwner
    if (stat.ephemeralOwner === owner && isKey) {
      this.#changes.push({ type: 'set', path, data, version: stat.version })
    } else if (isBound || stat.ephemeralOwner !== 0n) {
      this.#replace(subject, data, isBound)
    } else {
      // A directory becomes a key.
      this.#changes.push({ type: 'set', path, data, version: stat.version })
      if (!mayDiffer(stat)) this.#showMoreThanLeaf(path)
      this.#record(subject, bornNow(stat), false)
    }
  }

  /** A node cannot change between permanent and bound: it is made anew. */
  #replace(subject: Existing, data: Uint8Array, isBound: boolean): void {
    const { path, stat, isKey, record } = subject
    if (isBound && this.#hasOtherChildren(subject)) throw descendantsRefused(subject.key)
    this.#guard(path)
    this.#changes.push({ type: 'delete', path, version: stat.version })
    this.#bumped.add(guardOf(path))
    if (!isKey) {
      this.#creations.set(path, this.#node(path, data, isBound))
      this.#removeRecord(subject)
      return
    }
    const birth = subject.birth ?? stat.czxid
    if (isBound) {
      // Written once more, so that its version shows that there is a record.
      this.#creations.set(path, this.#node(path, null, true))
      this.#followUps.push({ type: 'set', path, data })
    } else {
      this.#creations.set(path, this.#node(path, data))
      this.#showMoreThanLeaf(path)
    }
    // A record belongs to whom its key belongs, so it may have to be made anew, too.
    if (record !== null) this.#changes.push({ type: 'delete', path: recordOf(path) })
    this.#record({ ...subject, record: null }, movedNow(birth), isBound)
  }

  #delete(subject: Existing): void {
    const { path, stat } = subject
    if (!this.#hasOtherChildren(subject)) {
      this.#changes.push({ type: 'delete', path, version: stat.version })
      this.#removeRecord(subject)
      return
    }
    this.#changes.push({ type: 'set', path, data: null, version: stat.version })
    this.#record(subject, diesNow(stat), false)
  }

  /** Whether something is below the node, or will be. */
  #hasOtherChildren({ path, stat }: Existing): boolean {
    if (stat.numChildren > 0) return true
    const below = `${path}/`
    return this.#subjects.some(
      (other) => other.write?.type === 'put' && other.path.startsWith(below),
    )
  }

  /** Leaves a trace in the node's count of children. */
  #showMoreThanLeaf(path: string): void {
    const token = tokenOf(path)
    this.#followUps.push(this.#node(token, null), { type: 'delete', path: token })
  }

  #record({ path: of, record }: Subject, data: Uint8Array, isBound: boolean): void {
    const path = recordOf(of)
    if (record !== null) this.#followUps.push({ type: 'set', path, data })
    else this.#followUps.push(this.#node(path, data, isBound))
  }

  #removeRecord({ path, record }: Subject): void {
    if (record !== null) this.#followUps.push({ type: 'delete', path: recordOf(path) })
  }

  #guard(of: string): void {
    const path = guardOf(of)
    const version = this.#context.guards.get(path)
    if (version === undefined) this.#lacksGuard = true
    if (version === undefined || this.#guarded.has(path)) return
    this.#guarded.add(path)
    this.#conditions.push({ type: 'check', path, version })
  }

  #node(path: string, data: Uint8Array | null, isBound = false): MultiOperation {
    const mode = isBound ? 'ephemeral' : 'persistent'
    return { type: 'create', path, data, mode, acl: this.#context.acl }
  }
}

/** What a plan would be that makes one permanent key in a directory that is there. */
export function loneCreation(path: string, data: Uint8Array, acl: Acl): MultiOperation[] {
  return [
    { type: 'create', path, data, acl },
    { type: 'set', path: guardOf(path), data: null },
  ]
}

/** The revision that a transaction gave to all that it wrote; undefined where there was nothing to do. */
export function revisionOf(results: readonly MultiResult[]): bigint | undefined {
  return results[0]?.zxid
}

export function descendantsRefused(key: string): LibkvError {
  const message = `ZooKeeper has no keys below a key that is bound to a session or has a ttl, such as '${key}'`
  return new LibkvError('NOT_SUPPORTED', message, { backend: 'zookeeper' })
}
