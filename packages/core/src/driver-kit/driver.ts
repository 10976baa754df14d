import type { Capabilities } from '../contract/capabilities.ts'
import type { Binding } from '../contract/key-value-pair.ts'

/**
 * The seam between core and a backend. A backend implements {@link Driver} and nothing else; keys are checked, the
 * namespace applied, deadlines, signals and retries kept, diagnostics published and locks built by core.
 *
 * A driver reports failures as `LibkvError`: `retryable` says that the same request may succeed later, `ambiguous` that
 * a write may have happened. Core repeats reads that are retryable, and writes that are retryable and not ambiguous.
 */
export interface Driver {
  /** The backend's name. */
  readonly backend: string
  /** What messages call the server. Never with credentials. */
  readonly endpoint: string
  readonly capabilities: Capabilities
  /** Passwords, tokens and the like, which core removes from every message: servers and proxies may repeat them. */
  readonly secrets?: readonly string[] | undefined
  /** Reads one key: `null` where it is absent. */
  read(key: string, request: ReadRequest, call: Call): Promise<Entry | null>
  /** Reads all keys that start with `prefix`, in UTF-8 byte order; `prefix` is empty or ends in a slash. */
  scan(prefix: string, request: ReadRequest, call: Call): Promise<Scan>
  /** The one write path: all writes happen, at one revision, if all checks hold; else none. */
  commit(checks: readonly Check[], writes: readonly Write[], call: Call): Promise<CommitOutcome>
  /**
   * Deletes all keys in `ranges` and resolves to how many there were; no key is no error. `prefix` is for servers that delete by
   * directory; a driver whose server deletes by range may ignore it.
   *
   * The ranges are disjoint and ascend. Each begins with `prefix` (empty, or with a slash at its end), or is the one key that
   * `prefix` names (itself without the slash). No bound splits a directory directly below `prefix`: the ranges contain all keys
   * of `prefix + 'a/…'` or none. Keys on the server may have any name, also one that core refuses; those in the ranges are
   * deleted with the others.
   *
   * All ranges are deleted at one revision where the server can do that, else in as few steps as it can, each of them atomic. A
   * failure after the first step is `ambiguous`.
   */
  removeTree(prefix: string, ranges: readonly KeyRange[], call: Call): Promise<number>
  /** The one change feed: see {@link Observer}. It reports nothing before it returns. */
  observe(scope: Scope, observer: Observer): Observation
  /** Opens a session whose keys are gone `ttl` milliseconds after its last renewal, plus the backend's slack. */
  openSession(ttl: number, call: Call): Promise<DriverSession>
  /** Resolves when a server answers. */
  ping(call: Call): Promise<void>
  /** Closes all that is open: sockets, timers. Core has closed all feeds and sessions before. */
  close(): Promise<void>
}

/** A key as a driver sees it: with the namespace, without escapes. */
export interface Entry {
  readonly key: string
  readonly value: Uint8Array
  readonly revision: bigint
  readonly createRevision: bigint
  /** Whether the server deletes the key by itself, with a session or a time to live; `undefined` for a permanent key. */
  readonly binding?: Binding | undefined
}

export interface ReadRequest {
  readonly consistency: 'linearizable' | 'stale'
  /**
   * Which fields of the entries are needed; a driver may leave out others, as an empty value or `0n`. `revisions`: all but the
   * value. `keys`: the key alone.
   */
  readonly fields: 'all' | 'revisions' | 'keys'
  /** A hint that a driver may ignore: no key lies deeper than one segment below the prefix. */
  readonly flat?: boolean | undefined
}

export interface Scan {
  readonly entries: readonly Entry[]
}

/** The key is at exactly this revision (and creation), or absent where `expected` is `null`. */
export interface Check {
  readonly key: string
  readonly expected: { readonly revision: bigint; readonly createRevision: bigint } | null
}

export type Write =
  | {
      readonly type: 'put'
      readonly key: string
      readonly value: Uint8Array
      /** Time to live in ms. `ttl`, `session` and `keepSession` exclude each other; without any the key is permanent. */
      readonly ttl?: number | undefined
      /** Binds the key to a session: the server deletes it when the session ends. */
      readonly session?: DriverSession | undefined
      /**
       * Keeps the key's current binding. Every driver must do that: contenders for a lock are woken with it, and one that became
       * permanent would block the queue. A check in the same commit says that the key exists.
       */
      readonly keepSession?: boolean | undefined
      /**
       * A hint that a driver may ignore: the directory of the key holds nothing but keys that come and go, is often empty and
       * soon used again. No key ever has the path of that directory.
       */
      readonly transient?: boolean | undefined
    }
  | { readonly type: 'delete'; readonly key: string }

export type CommitOutcome =
  | {
      readonly committed: true
      readonly revision: bigint
      /** One for each write. */
      readonly results: readonly WriteResult[]
    }
  | {
      readonly committed: false
      /** The index of the first check that did not hold. */
      readonly failed: number
      /** What that key holds instead; undefined where the answer does not tell. */
      readonly current?: Entry | null | undefined
    }

export interface WriteResult {
  /** For a delete: whether there was something to delete. */
  readonly existed: boolean
  /** For a put: when the key was created. */
  readonly createRevision: bigint
}

/** A half-open range of keys in UTF-8 byte order, which is the order of `compareKeys`. A bound need not be a key. */
export interface KeyRange {
  /** The range begins with this key; `''` before all keys. */
  readonly from: string
  /** The range ends before this key; absent: after all keys. */
  readonly to?: string | undefined
}

/** One key, or all keys that start with a prefix. */
export type Scope =
  | {
      readonly key: string
      /** A hint that a driver may ignore: the state of the key as it is known already, to begin with instead of a read. */
      readonly known?: Entry | undefined
    }
  | { readonly prefix: string }

/**
 * Gets a snapshot first and then the changes since, in order, each once. After a gap that the driver cannot fill from
 * the server's history it gets a new snapshot. Revisions never go back, unless the server's history itself did.
 */
export interface Observer {
  /** The complete state of the scope: what is not in it does not exist. */
  snapshot(entries: readonly Entry[], revision: bigint): void
  changes(changes: readonly Change[], revision: bigint): void
  /**
   * Optional for a driver: something may have changed. Call it before reading again, and read only if the observation is still
   * open then.
   */
  stirred?(): void
  /** The feed is over: it met what cannot heal. Connection trouble is none of that. */
  fail(error: Error): void
}

export type Change =
  | { readonly type: 'put'; readonly entry: Entry }
  | { readonly type: 'delete'; readonly key: string; readonly revision: bigint }

export interface Observation {
  /** Ends the feed; the observer hears nothing more. */
  close(): void
}

export interface DriverSession {
  readonly id: string
  /** The shortest time, in milliseconds from the sending of a renewal, after which the server may end the session. */
  readonly ttl: number
  /** When the request that opened it was sent, on the runtime's clock, if the driver had to do something else before. */
  readonly sentAt?: number | undefined
  /** Resolves when the server acknowledged; `SESSION_EXPIRED` when the session is gone. */
  renew(call: Call): Promise<void>
  /** Ends the session on the server. A session that is gone is no error. */
  close(call: Call): Promise<void>
}

/** One call on its way through a driver. Core settles it on deadline, abort and close, whatever the driver does. */
export interface Call {
  /** When the call ends by itself, on the runtime's monotonic clock. */
  readonly deadline: number
  /** When the attempt to reach a server ends: then the driver throws `NOT_REACHABLE`. */
  readonly connectDeadline: number
  /** Whether an earlier attempt of this call failed: a server that goes on failing is not asked again too often. */
  readonly isRepeated?: boolean | undefined
  /** Whether the call has been settled already; what the driver finds out from now on interests nobody. */
  readonly settled: boolean
  /** To be called when a write is handed to the wire: from then on a lost answer is ambiguous. */
  markSent(): void
  /** Calls back when core settles the call before the driver did, so that the driver can drop the request. */
  onCancel(callback: () => void): void
}
