import { compareKeys } from '@libkv/core'
import { isInRanges, systemRuntime } from '@libkv/core/driver'
import type {
  Change,
  Check,
  CommitOutcome,
  Entry,
  KeyRange,
  Scope,
  Write,
} from '@libkv/core/driver'
import type { Runtime, Timer } from '@libkv/core'

/** A timer of Node may fire up to this much too early, in milliseconds. */
const EARLY = 1

/** A lease on the server's side: it ends unless it is renewed within its time to live. */
export interface Lease {
  readonly id: string
  readonly ttl: number
  readonly keys: Set<string>
  timer: Timer
}

interface Row extends Entry {
  readonly lease: Lease | undefined
  readonly expiry: Timer | undefined
}

interface Listener {
  readonly scope: Scope
  readonly tell: (changes: readonly Change[], revision: bigint) => void
}

/** The "server": what all stores of one name share. Every write is one step of one history. */
export class MemoryDatabase {
  #runtime = systemRuntime
  #openStores = 0
  readonly #rows = new Map<string, Row>()
  readonly #leases = new Map<string, Lease>()
  readonly #listeners = new Set<Listener>()
  #revision = 0n

  /** Counts a store that uses it. Time is that of the first one, until all are closed. */
  open(runtime: Runtime): void {
    if (this.#openStores++ === 0) this.#runtime = runtime
  }

  close(): void {
    this.#openStores--
  }

  get revision(): bigint {
    return this.#revision
  }

  get(key: string): Entry | null {
    return this.#rows.get(key) ?? null
  }

  /** All entries of a scope, in UTF-8 byte order. */
  select(scope: Scope): Entry[] {
    if ('key' in scope) {
      const row = this.#rows.get(scope.key)
      return row === undefined ? [] : [row]
    }
    const found: Entry[] = []
    for (const row of this.#rows.values()) if (row.key.startsWith(scope.prefix)) found.push(row)
    return found.sort(byKey)
  }

  /** Does all of the writes if all of the checks hold. A put may name the id of a lease; `undefined` answers that it is gone. */
  commit(
    checks: readonly Check[],
    writes: readonly (Write & { readonly leaseId?: string | undefined })[],
  ): CommitOutcome | undefined {
    for (const [failed, { key, expected }] of checks.entries()) {
      const row = this.#rows.get(key)
      if (
        row?.revision !== expected?.revision ||
        row?.createRevision !== expected?.createRevision
      ) {
        return { committed: false, failed, current: row ?? null }
      }
    }
    if (writes.some(({ leaseId }) => leaseId !== undefined && !this.#leases.has(leaseId))) {
      return undefined
    }
    const revision = (this.#revision += 1n)
    const changes: Change[] = []
    const results = writes.map((write) => {
      const before = this.#rows.get(write.key)
      const keepsSession = write.type === 'put' && write.keepSession === true
      const leaseId = keepsSession ? before?.lease?.id : write.leaseId
      if (before !== undefined) this.#forget(before)
      if (write.type === 'delete') {
        if (before !== undefined) changes.push({ type: 'delete', key: write.key, revision })
        return { existed: before !== undefined, createRevision: 0n }
      }
      const createRevision = before?.createRevision ?? revision
      const entry = this.#insert(write, leaseId, revision, createRevision)
      changes.push({ type: 'put', entry })
      return { existed: before !== undefined, createRevision }
    })
    this.#tell(changes)
    return { committed: true, revision, results }
  }

  removeTree(ranges: readonly KeyRange[]): number {
    const doomed = [...this.#rows.values()].filter(({ key }) => isInRanges(key, ranges))
    return this.#delete(doomed.sort(byKey))
  }

  listen(listener: Listener): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  grant(ttl: number): Lease {
    const id = this.#runtime.uuid()
    const lease = { id, ttl, keys: new Set<string>(), timer: this.#expireLater(id, ttl) }
    this.#leases.set(id, lease)
    return lease
  }

  /** Whether the lease was still there. */
  renew(id: string): boolean {
    const lease = this.#leases.get(id)
    if (lease === undefined) return false
    lease.timer.cancel()
    lease.timer = this.#expireLater(id, lease.ttl)
    return true
  }

  revoke(id: string): void {
    const lease = this.#leases.get(id)
    if (lease === undefined) return
    lease.timer.cancel()
    this.#leases.delete(id)
    const rows = [...lease.keys].map((key) => this.#rows.get(key))
    this.#delete(rows.filter((row) => row !== undefined))
  }

  get leases(): readonly string[] {
    return [...this.#leases.keys()]
  }

  #expireLater(id: string, ttl: number): Timer {
    return this.#runtime.setTimer(
      () => {
        this.revoke(id)
      },
      ttl + EARLY,
      false,
    )
  }

  #insert(
    write: Write & { readonly type: 'put' },
    leaseId: string | undefined,
    revision: bigint,
    createRevision: bigint,
  ): Row {
    const { key, ttl } = write
    // What was written is returned to the writer, who may change it.
    const value = new Uint8Array(write.value)
    const lease = leaseId === undefined ? undefined : this.#leases.get(leaseId)
    lease?.keys.add(key)
    const expire = (): void => {
      if (this.#rows.get(key) === row) this.#delete([row])
    }
    const expiry =
      ttl === undefined ? undefined : this.#runtime.setTimer(expire, ttl + EARLY, false)
    const binding = lease === undefined && expiry === undefined ? undefined : 'lease'
    const row: Row = { key, value, revision, createRevision, binding, lease, expiry }
    this.#rows.set(key, row)
    return row
  }

  #delete(entries: readonly Entry[]): number {
    if (entries.length === 0) return 0
    const revision = (this.#revision += 1n)
    for (const { key } of entries) {
      const row = this.#rows.get(key)
      if (row !== undefined) this.#forget(row)
    }
    this.#tell(entries.map(({ key }) => ({ type: 'delete', key, revision })))
    return entries.length
  }

  #forget(row: Row): void {
    row.expiry?.cancel()
    row.lease?.keys.delete(row.key)
    this.#rows.delete(row.key)
  }

  #tell(changes: readonly Change[]): void {
    if (changes.length === 0) return
    const revision = this.#revision
    for (const { scope, tell } of this.#listeners) {
      const seen = changes.filter((change) => isIn(scope, keyOf(change)))
      if (seen.length > 0) tell(seen, revision)
    }
  }
}

const byKey = (a: Entry, b: Entry): number => compareKeys(a.key, b.key)

const keyOf = (change: Change): string => (change.type === 'put' ? change.entry.key : change.key)

const isIn = (scope: Scope, key: string): boolean =>
  'key' in scope ? scope.key === key : key.startsWith(scope.prefix)
