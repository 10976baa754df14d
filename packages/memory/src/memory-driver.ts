import { LibkvError } from '@libkv/core'
import type {
  Call,
  Change,
  Check,
  CommitOutcome,
  Driver,
  DriverSession,
  Entry,
  KeyRange,
  Observation,
  Observer,
  ReadRequest,
  Scan,
  Scope,
  Write,
} from '@libkv/core/driver'
import type { Capabilities, Runtime } from '@libkv/core'
import { openDatabase } from './databases.ts'
import type { MemoryDatabase } from './memory-database.ts'
import type { MemoryFaults } from './memory-faults.ts'
import { ProcessHold } from './process-hold.ts'

/** The longest time to live: 100 years, in milliseconds. */
const LONGEST_TTL = 100 * 365 * 24 * 3_600_000

const memoryCapabilities: Capabilities = {
  transactions: true,
  sessionKeysMayHaveDescendants: true,
  ttl: { min: 100, max: LONGEST_TTL },
  expiryFactor: 1,
  expirySlack: 250,
  durability: 'process',
}

/** The driver of the embedded store: what would be the network is {@link MemoryFaults}. */
export class MemoryDriver implements Driver {
  readonly backend = 'memory'
  readonly endpoint: string
  readonly capabilities: Capabilities = memoryCapabilities
  readonly #database: MemoryDatabase
  readonly #faults: MemoryFaults
  readonly #runtime: Runtime

  constructor(name: string, faults: MemoryFaults, runtime: Runtime) {
    this.endpoint = name
    this.#database = openDatabase(name, runtime)
    this.#faults = faults
    this.#runtime = runtime
  }

  read(key: string, _request: ReadRequest, call: Call): Promise<Entry | null> {
    return this.#carry(call, () => ownCopy(this.#database.get(key)))
  }

  scan(prefix: string, _request: ReadRequest, call: Call): Promise<Scan> {
    return this.#carry(call, () => ({
      entries: this.#database.select({ prefix }).map(ownCopy),
    }))
  }

  async commit(
    checks: readonly Check[],
    writes: readonly Write[],
    call: Call,
  ): Promise<CommitOutcome> {
    const leased = writes.map((write) => ({
      ...write,
      leaseId: write.type === 'put' ? write.session?.id : undefined,
    }))
    const outcome = await this.#carry(call, () => this.#database.commit(checks, leased))
    if (outcome === undefined) throw new LibkvError('SESSION_EXPIRED', 'the session is gone')
    if (outcome.committed || !outcome.current) return outcome
    return { ...outcome, current: ownCopy(outcome.current) }
  }

  removeTree(_prefix: string, ranges: readonly KeyRange[], call: Call): Promise<number> {
    return this.#carry(call, () => this.#database.removeTree(ranges))
  }

  observe(scope: Scope, observer: Observer): Observation {
    return new MemoryFeed(this.#database, this.#faults, scope, observer)
  }

  openSession(ttl: number, call: Call): Promise<DriverSession> {
    return this.#carry(call, () => {
      const { id } = this.#database.grant(ttl)
      return {
        id,
        ttl,
        renew: async (renewal) => {
          const alive = await this.#carry(renewal, () => this.#database.renew(id))
          if (!alive) throw new LibkvError('SESSION_EXPIRED', 'the session is gone')
        },
        close: (closing) =>
          this.#carry(closing, () => {
            this.#database.revoke(id)
          }),
      }
    })
  }

  ping(call: Call): Promise<void> {
    return this.#carry(call, () => undefined)
  }

  async close(): Promise<void> {
    this.#database.close()
  }

  #carry<T>(call: Call, serve: () => T): Promise<T> {
    const wait = (ms: number): Promise<void> =>
      new Promise((resolve) => {
        const timer = this.#runtime.setTimer(resolve, ms)
        call.onCancel(() => {
          timer.cancel()
          resolve()
        })
      })
    return this.#faults.carry(call, wait, serve)
  }
}

/** A change feed that falls silent while the connection is cut, and reads again when it is back. */
class MemoryFeed implements Observation {
  readonly #database: MemoryDatabase
  readonly #scope: Scope
  readonly #observer: Observer
  readonly #stopConnection: () => void
  readonly #hold = new ProcessHold()
  #stopListening: (() => void) | undefined
  #closed = false

  constructor(database: MemoryDatabase, faults: MemoryFaults, scope: Scope, observer: Observer) {
    this.#database = database
    this.#scope = scope
    this.#observer = observer
    this.#stopConnection = faults.onConnection({
      lost: () => {
        this.#stopListening?.()
        this.#stopListening = undefined
      },
      back: () => {
        this.#start()
      },
    })
    // Not queueMicrotask(), which fake timers replace.
    if (faults.connected)
      void Promise.resolve().then(() => {
        this.#start()
      })
  }

  close(): void {
    this.#closed = true
    this.#hold.release()
    this.#stopConnection()
    this.#stopListening?.()
  }

  #start(): void {
    if (this.#closed || this.#stopListening !== undefined) return
    this.#stopListening = this.#database.listen({
      scope: this.#scope,
      tell: (changes: readonly Change[], revision: bigint) => {
        if (!this.#closed) this.#observer.changes(changes, revision)
      },
    })
    this.#observer.snapshot(this.#database.select(this.#scope), this.#database.revision)
  }
}

/** What a caller may change without changing what is stored. */
const ownCopy = <T extends Entry | null>(entry: T): T =>
  entry === null ? entry : { ...entry, value: new Uint8Array(entry.value) }
