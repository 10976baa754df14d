import { LibkvError } from '@libkv/core'
import { TtlByLease, throwIfSettled } from '@libkv/core/driver'
import type { Call, Check, CommitOutcome, DriverSession, Leases, Write } from '@libkv/core/driver'
import type { ConsulClient } from './consul-client.ts'
import { encodeTxn, isPrintable } from './consul-codec.ts'
import { CommitPlan } from './consul-commit-plan.ts'
import type { BoundWrite } from './consul-commit-plan.ts'
import { fitsLargeValue, putLargeValue } from './consul-large-value.ts'
import { KeyLeases } from './consul-key-leases.ts'
import type { ConsulLease } from './consul-leases.ts'
import type { ResolvedConsulOptions } from './consul-options.ts'
import { sendTxn } from './consul-txn.ts'
import type { TxnAnswer } from './consul-txn.ts'

/** How large the body of a transaction may be, in bytes. */
const MAX_TXN_BYTES = 512 * 1024

/** What a key's session lasts beyond its time to live, in ms: time for the write that follows its creation. */
const LEASE_MARGIN = 500

/** How often a commit is tried while other sessions take its keys. */
const ATTEMPTS = 10

/** A commit of so few writes fits into a transaction whatever they are. */
const MAX_UNSURVEYED = 10

/** The write path: checks and writes as transactions, nearly always as one. */
export class ConsulCommits {
  readonly #client: ConsulClient
  readonly #options: ResolvedConsulOptions
  readonly #ttl: TtlByLease<ConsulLease>
  readonly #keyLeases: KeyLeases

  constructor(client: ConsulClient, leases: Leases<ConsulLease>, options: ResolvedConsulOptions) {
    this.#client = client
    this.#options = options
    const { runtime } = options
    // A session for each key: to write one of them again destroys its session.
    this.#ttl = new TtlByLease(leases, { runtime, margin: LEASE_MARGIN, share: false })
    this.#keyLeases = new KeyLeases(leases, runtime)
  }

  commit(checks: readonly Check[], writes: readonly Write[], call: Call): Promise<CommitOutcome> {
    return writes.some((write) => write.type === 'put' && write.ttl !== undefined)
      ? this.#commitWithTtl(checks, writes, call)
      : this.#commit(
          checks,
          writes.map((write) => bind(write, undefined)),
          call,
        )
  }

  async #commitWithTtl(
    checks: readonly Check[],
    writes: readonly Write[],
    call: Call,
  ): Promise<CommitOutcome> {
    let used: readonly (ConsulLease | undefined)[] = []
    const outcome = await this.#ttl.commit(writes, call, (leases) => {
      used = leases
      return this.#commit(
        checks,
        writes.map((write, i) => bind(write, leases[i])),
        call,
      )
    })
    if (outcome.committed) this.#keyLeases.add(used)
    return outcome
  }

  async #commit(
    checks: readonly Check[],
    writes: readonly BoundWrite[],
    call: Call,
  ): Promise<CommitOutcome> {
    const plan = new CommitPlan(checks, writes, this.#options.runtime)
    if (writes.length > MAX_UNSURVEYED && plan.isCrowded) {
      const { survey } = plan
      const { problems } = await sendTxn(this.#client, encodeTxn(survey), call)
      if (problems !== undefined) plan.learn(problems, survey)
    }
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const { operations } = plan
      const body = encodeTxn(operations)
      if (body.length > MAX_TXN_BYTES / 3 && Buffer.byteLength(body) > MAX_TXN_BYTES) {
        return this.#commitLarge(checks, writes, call)
      }
      const { results, problems } = await sendTxn(this.#client, body, call)
      if (problems === undefined) {
        this.#forget(plan, writes, results)
        return plan.outcome(results)
      }
      const outcome = plan.refused(problems, operations)
      if (outcome !== undefined) return outcome
      throwIfSettled(call)
    }
    throw new LibkvError('BACKEND_ERROR', 'the key goes from session to session all the time', {
      retryable: true,
    })
  }

  #commitLarge(
    checks: readonly Check[],
    writes: readonly BoundWrite[],
    call: Call,
  ): Promise<CommitOutcome> {
    const [write] = writes
    if (write?.type === 'put' && fitsLargeValue(checks, writes) && isPrintable(write.key)) {
      return putLargeValue(this.#client, this.#options.runtime, checks, write, call)
    }
    throw new LibkvError(
      'VALUE_TOO_LARGE',
      'a transaction of Consul has room for 383 KiB of values altogether',
    )
  }

  /** What keys had for their time to live, and have no more. */
  #forget(plan: CommitPlan, writes: readonly Write[], results: TxnAnswer['results']): void {
    for (const id of plan.ousted) this.#keyLeases.release(id)
    if (writes.some(({ type }) => type === 'put')) return
    for (const { KV } of results) if (KV.Session !== undefined) this.#keyLeases.release(KV.Session)
  }
}

function bind(write: Write, lease: DriverSession | undefined): BoundWrite {
  const session = lease ?? (write.type === 'put' ? write.session : undefined)
  return session === undefined ? write : { ...write, sessionId: session.id }
}
