import { LibkvError } from '@libkv/core'
import type { Call, Check, CommitOutcome, DriverSession, Write } from '@libkv/core/driver'
import type { ConsulClient } from './consul-client.ts'
import { encodeTxn, isPrintable } from './consul-codec.ts'
import { CommitPlan } from './consul-commit-plan.ts'
import type { BoundWrite } from './consul-commit-plan.ts'
import { fitsLargeValue, putLargeValue } from './consul-large-value.ts'
import { KeyLifetimes } from './consul-lifetimes.ts'
import type { ResolvedConsulOptions } from './consul-options.ts'
import type { ConsulSessions } from './consul-session.ts'
import { sendTxn } from './consul-txn.ts'
import type { TxnAnswer } from './consul-txn.ts'

/** How large the body of a transaction may be, in bytes. */
const MAX_TXN_BYTES = 512 * 1024

/** How often a commit is tried while other sessions take its keys. */
const ATTEMPTS = 10

/** A commit of so few writes fits into a transaction whatever they are. */
const MAX_UNSURVEYED = 10

/** The write path: checks and writes as transactions, nearly always as one. */
export class ConsulCommits {
  readonly #client: ConsulClient
  readonly #options: ResolvedConsulOptions
  readonly #lifetimes: KeyLifetimes

  constructor(client: ConsulClient, sessions: ConsulSessions, options: ResolvedConsulOptions) {
    this.#client = client
    this.#options = options
    this.#lifetimes = new KeyLifetimes(sessions, options.runtime)
  }

  commit(checks: readonly Check[], writes: readonly Write[], call: Call): Promise<CommitOutcome> {
    if (writes.some((write) => write.type === 'put' && write.ttl !== undefined)) {
      return this.#lifetimes.commit(writes, call, (sessions) =>
        this.#commit(
          checks,
          writes.map((write, i) => bind(write, sessions[i])),
          call,
        ),
      )
    }
    const bound = writes.map((write) =>
      bind(write, write.type === 'put' ? write.session : undefined),
    )
    return this.#commit(checks, bound, call)
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
      if (call.settled) throw new LibkvError('CLOSED', 'nobody waits for the answer any more')
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
    for (const id of plan.ousted) this.#lifetimes.forget(id)
    if (writes.some(({ type }) => type === 'put')) return
    for (const { KV } of results) if (KV.Session !== undefined) this.#lifetimes.forget(KV.Session)
  }
}

const bind = (write: Write, session: DriverSession | undefined): BoundWrite =>
  session === undefined ? write : { ...write, sessionId: session.id }
