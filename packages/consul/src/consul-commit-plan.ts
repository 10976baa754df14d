import type { Check, CommitOutcome, Write, WriteResult } from '@libkv/core/driver'
import type { Runtime } from '@libkv/core'
import { base64, nonce } from './consul-codec.ts'
import type { KvJson, KvOperation, TxnProblem } from './consul-codec.ts'
import { errorOfAnswer } from './consul-errors.ts'

/** How many operations a transaction of Consul has at most (128 since Consul 1.14). */
const MAX_OPERATIONS = 64

/** A write whose sessions are open. */
export type BoundWrite = Write & { readonly sessionId?: string | undefined }

/**
 * Checks and writes as one transaction of Consul.
 *
 * A session binds a key by locking it, and a plain `set` leaves the lock as it is. So each put says which session it
 * expects to hold the key: none, or its own. Where that is wrong nothing happens, and the refusal names the holder, whose
 * lock the next attempt takes away in the same transaction.
 */
export class CommitPlan {
  readonly #checks: readonly Check[]
  readonly #writes: readonly BoundWrite[]
  readonly #runtime: Runtime
  /** Which session holds which key, as far as refusals have told. */
  readonly #holders = new Map<string, string>()

  constructor(checks: readonly Check[], writes: readonly BoundWrite[], runtime: Runtime) {
    this.#checks = checks
    this.#writes = writes
    this.#runtime = runtime
  }

  /** The sessions that lost keys to this commit. */
  get ousted(): Iterable<string> {
    return this.#holders.values()
  }

  /** Whether there are too many operations to say for each put whose key it expects; then {@link survey} comes first. */
  get isCrowded(): boolean {
    return this.#build(true).length > MAX_OPERATIONS
  }

  get operations(): KvOperation[] {
    const operations = this.#build(true)
    return operations.length > MAX_OPERATIONS ? this.#build(false) : operations
  }

  /** Reads nothing but who holds the keys. It fails for those that are absent or held, which is what it is for. */
  get survey(): KvOperation[] {
    const puts = this.#writes.filter(({ type }) => type === 'put')
    return puts.map(({ key }) => ({ Verb: 'check-session', Key: key, Session: '' }))
  }

  /**
   * What the refusal of a transaction means; undefined where another attempt may succeed.
   *
   * @throws LibkvError `ACCESS_DENIED`, `SESSION_EXPIRED`, `BACKEND_ERROR`.
   */
  refused(
    problems: readonly TxnProblem[],
    operations: readonly KvOperation[],
  ): CommitOutcome | undefined {
    const errors = problems.map(({ What }) => errorOfAnswer(409, What))
    const denied = errors.find(({ code }) => code === 'ACCESS_DENIED')
    if (denied !== undefined) throw denied
    for (const { OpIndex } of problems) {
      if (OpIndex >= this.#checks.length) break
      const { Key } = operations[OpIndex] ?? {}
      // Of a compare-and-set that is refused, the operation after it tells.
      const isGone = problems.some(
        (problem) =>
          operations[problem.OpIndex]?.Key === Key && problem.What.endsWith("doesn't exist"),
      )
      return { committed: false, failed: OpIndex, current: isGone ? null : undefined }
    }
    const expired = errors.find(({ code }) => code === 'SESSION_EXPIRED')
    if (expired !== undefined) throw expired
    if (!this.learn(problems, operations)) throw errors[0] ?? errorOfAnswer(409, undefined)
    return undefined
  }

  /** Takes from a refusal who holds which keys. */
  learn(problems: readonly TxnProblem[], operations: readonly KvOperation[]): boolean {
    const before = this.#holders.size
    let forgotten = false
    for (const { OpIndex, What } of problems) {
      const key = operations[OpIndex]?.Key
      const [, holder] = /^failed session check .* current session "([^"]*)"/s.exec(What) ?? []
      if (key !== undefined && holder) this.#holders.set(key, holder)
      // It has let go in the meantime.
      if (What.startsWith('failed to unlock key')) forgotten = true
      // A holder ended between two operations' answers.
      if (What.startsWith('failed session check') && holder === '') forgotten = true
    }
    if (forgotten) this.#holders.clear()
    return forgotten || this.#holders.size > before || this.#changed(problems)
  }

  outcome(results: readonly { readonly KV: KvJson }[]): CommitOutcome & { committed: true } {
    const entries = new Map<string, KvJson>()
    for (const { KV } of results) entries.set(KV.Key, KV)
    let index = 0
    const outcomes = this.#writes.map(({ key }): WriteResult => {
      const entry = entries.get(key)
      if (entry === undefined) return { existed: false, createRevision: 0n }
      const { CreateIndex, ModifyIndex } = entry
      return { existed: CreateIndex < ModifyIndex, createRevision: BigInt(CreateIndex) }
    })
    for (const { key } of this.#writes) index = Math.max(index, entries.get(key)?.ModifyIndex ?? 0)
    return { committed: true, revision: BigInt(index), results: outcomes }
  }

  /** Another session took the lock between two attempts. */
  #changed(problems: readonly TxnProblem[]): boolean {
    return problems.some(({ What }) => /^failed session check|lock is already held/.test(What))
  }

  #build(guarded: boolean): KvOperation[] {
    return this.#compareAndSet() ?? this.#buildAny(guarded)
  }

  /** The commonest commit has a verb of its own, which takes one operation less. */
  #compareAndSet(): KvOperation[] | undefined {
    const [check] = this.#checks
    const [write] = this.#writes
    if (this.#checks.length !== 1 || this.#writes.length !== 1) return undefined
    if (write?.type !== 'put' || write.key !== check?.key) return undefined
    const { key: Key, value, sessionId, keepSession } = write
    if (sessionId !== undefined || keepSession === true || this.#holders.has(Key)) return undefined
    const Index = Number(check.expected?.revision ?? 0)
    return [
      { Verb: 'cas', Key, Value: base64(value), Flags: nonce(this.#runtime), Index },
      { Verb: 'check-session', Key, Session: '' },
    ]
  }

  #buildAny(guarded: boolean): KvOperation[] {
    const operations = this.#checks.map(checkOf)
    const hasPut = this.#writes.some(({ type }) => type === 'put')
    for (const write of this.#writes) {
      if (write.type === 'put') this.#put(write, guarded, operations)
      else {
        // A deletion has no result. What is set first has one: whether it was there, and the index of it all.
        if (!hasPut && guarded && (this.#writes.length === 1 || write === this.#writes[0])) {
          operations.push({ Verb: 'set', Key: write.key, Flags: nonce(this.#runtime) })
        }
        operations.push({ Verb: 'delete', Key: write.key })
      }
    }
    return operations
  }

  #put(write: BoundWrite & { type: 'put' }, guarded: boolean, operations: KvOperation[]): void {
    const { key: Key, sessionId } = write
    const content = { Key, Value: base64(write.value), Flags: nonce(this.#runtime) }
    const holder = this.#holders.get(Key)
    if (sessionId !== undefined) {
      if (holder !== undefined && holder !== sessionId) {
        operations.push({ Verb: 'unlock', Key, Session: holder })
      }
      operations.push({ Verb: 'lock', ...content, Session: sessionId })
      if (guarded) operations.push({ Verb: 'check-session', Key, Session: sessionId })
      return
    }
    if (holder !== undefined) {
      operations.push({ Verb: 'unlock', ...content, Session: holder })
      return
    }
    operations.push({ Verb: 'set', ...content })
    if (guarded && write.keepSession !== true)
      operations.push({ Verb: 'check-session', Key, Session: '' })
  }
}

function checkOf({ key, expected }: Check): KvOperation {
  return expected === null
    ? { Verb: 'check-not-exists', Key: key }
    : { Verb: 'check-index', Key: key, Index: Number(expected.revision) }
}
