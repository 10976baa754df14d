import { compareKeys, LibkvError } from '@libkv/core'
import type { BackendFactory } from '@libkv/core'
import { defineBackend, isInRanges, systemRuntime } from '@libkv/core/driver'
import type { Change, Check, CommitOutcome, Driver, DriverSession, Entry } from '@libkv/core/driver'
import type {
  KeyRange,
  Observation,
  Observer,
  ReadRequest,
  Scan,
  Scope,
  Write,
} from '@libkv/core/driver'

/** The "server": keys in a Map, each perhaps with an owner, a session or the key's own time to live, that takes it along. */
const rows = new Map<string, Entry & { readonly owner: string | undefined }>()
const owners = new Map<string, () => void>()
const feeds = new Set<{ readonly scope: Scope; readonly observer: Observer }>()
let revision = 0n

const covers = (scope: Scope, key: string): boolean =>
  'key' in scope ? scope.key === key : key.startsWith(scope.prefix)

const select = (scope: Scope): Entry[] =>
  [...rows.values()]
    .filter(({ key }) => covers(scope, key))
    .sort((a, b) => compareKeys(a.key, b.key))
    .map((row) => ({ ...row, value: row.value.slice() }))

/** Reports changes of one revision to all feeds whose scope has them. */
function publish(changes: readonly Change[]): void {
  for (const { scope, observer } of feeds) {
    const own = changes.filter((change) =>
      covers(scope, change.type === 'put' ? change.entry.key : change.key),
    )
    if (own.length > 0) observer.changes(own, revision)
  }
}

function remove(keys: readonly string[]): number {
  const present = keys.filter((key) => rows.delete(key))
  if (present.length === 0) return 0
  revision += 1n
  publish(present.map((key) => ({ type: 'delete', key, revision })))
  return present.length
}

/** Starts or renews an owner; when its time is over, its keys are deleted. */
function keep(id: string, ttl: number): void {
  owners.get(id)?.()
  const timer = systemRuntime.setTimer(() => end(id), ttl, false)
  owners.set(id, () => timer.cancel())
}

function end(id: string): void {
  owners.get(id)?.()
  owners.delete(id)
  remove([...rows.values()].filter(({ owner }) => owner === id).map(({ key }) => key))
}

function commit(checks: readonly Check[], writes: readonly Write[]): CommitOutcome {
  for (const [failed, { key, expected }] of checks.entries()) {
    const current = select({ key })[0] ?? null
    if (current?.revision !== expected?.revision) return { committed: false, failed, current }
  }
  const gone = writes.some(
    (write) => write.type === 'put' && write.session !== undefined && !owners.has(write.session.id),
  )
  if (gone) throw new LibkvError('SESSION_EXPIRED', 'the session is gone')
  revision += 1n
  const changes: Change[] = []
  const results = writes.map((write) => {
    const { key } = write
    const before = rows.get(key)
    const existed = before !== undefined
    if (write.type === 'delete') {
      if (rows.delete(key)) changes.push({ type: 'delete', key, revision })
      return { existed, createRevision: 0n }
    }
    const { ttl, session, keepSession } = write
    const own = ttl === undefined ? session?.id : systemRuntime.uuid()
    if (ttl !== undefined && own !== undefined) keep(own, ttl)
    const owner = keepSession === true ? before?.owner : own
    const createRevision = before?.createRevision ?? revision
    const binding = owner === undefined ? undefined : ('lease' as const)
    const entry = { key, value: write.value.slice(), revision, createRevision, binding, owner }
    rows.set(key, entry)
    changes.push({ type: 'put', entry })
    return { existed, createRevision }
  })
  publish(changes)
  return { committed: true, revision, results }
}

class MapDriver implements Driver {
  readonly backend = 'map'
  readonly endpoint = 'this process'
  readonly capabilities = {
    transactions: true,
    sessionKeysMayHaveDescendants: true,
    ttl: { min: 100, max: 1_000_000_000 },
    expiryFactor: 1,
    expirySlack: 250,
    durability: 'process' as const,
  }

  async read(key: string, _request: ReadRequest): Promise<Entry | null> {
    return select({ key })[0] ?? null
  }

  async scan(prefix: string, _request: ReadRequest): Promise<Scan> {
    return { entries: select({ prefix }) }
  }

  async commit(checks: readonly Check[], writes: readonly Write[]): Promise<CommitOutcome> {
    return commit(checks, writes)
  }

  async removeTree(_prefix: string, ranges: readonly KeyRange[]): Promise<number> {
    return remove([...rows.keys()].filter((key) => isInRanges(key, ranges)))
  }

  observe(scope: Scope, observer: Observer): Observation {
    const feed = { scope, observer }
    // An observer receives nothing before this method returns.
    void Promise.resolve().then(() => {
      if (!isOpen) return
      feeds.add(feed)
      observer.snapshot(select(scope), revision)
    })
    let isOpen = true
    return {
      close: () => {
        isOpen = false
        feeds.delete(feed)
      },
    }
  }

  async openSession(ttl: number): Promise<DriverSession> {
    const id = systemRuntime.uuid()
    keep(id, ttl)
    return {
      id,
      ttl,
      renew: async () => {
        if (!owners.has(id)) throw new LibkvError('SESSION_EXPIRED', 'the session is gone')
        keep(id, ttl)
      },
      close: async () => {
        end(id)
      },
    }
  }

  async ping(): Promise<void> {}

  async close(): Promise<void> {}
}

export const map: BackendFactory = defineBackend(
  { name: 'map', options: {} },
  () => new MapDriver(),
)
