import { LibkvError, isLibkvError } from '@libkv/core'
import type { Call } from '@libkv/core'
import type { KvOperation, TxnProblem } from './consul-codec.ts'
import type { TxnAnswer } from './consul-txn.ts'

/** Sends the body of a transaction. */
export type SendTxn = (body: string, call: Call) => Promise<TxnAnswer>

/** How many transactions of a store are under way at once; further ones are put together in the meantime. */
const MAX_IN_FLIGHT = 4
/** How many operations a transaction of Consul has at most (128 since Consul 1.14). */
const MAX_OPERATIONS = 64
/** What is larger, in characters of JSON, goes alone: it would only keep the small ones waiting. */
const MAX_LENGTH = 64 * 1024

/**
 * Group commit: while some transactions are under way, those that come in the meantime wait, and then go out together as
 * one. A transaction costs the servers an entry in their log and a disk write, whatever it holds, so this is what makes many
 * small writes fast. Who is alone never waits.
 *
 * Together they are all or nothing, which none of them has asked for. A refusal names every operation that failed: those
 * members have their answer, given at that point of the log; the others go out again, without them.
 */
export class GroupCommit {
  readonly #send: SendTxn
  readonly #queue: Member[] = []
  #inFlight = 0

  constructor(send: SendTxn) {
    this.#send = send
  }

  /** @param body - the operations in JSON, as an array. */
  commit(operations: readonly KvOperation[], body: string, call: Call): Promise<TxnAnswer> {
    return new Promise((resolve, reject) => {
      const keys = new Set(operations.map(({ Key }) => Key))
      this.#queue.push({ operations, body, keys, call, resolve, reject })
      this.#flush()
    })
  }

  #flush(): void {
    while (this.#inFlight < MAX_IN_FLIGHT) {
      const members = this.#next()
      if (members.length === 0) return
      this.#inFlight++
      void this.#transact(members).finally(() => {
        this.#inFlight--
        this.#flush()
      })
    }
  }

  /** The longest beginning of the queue that can go together. Two writes of one key cannot, and keep their order. */
  #next(): Member[] {
    const members: Member[] = []
    const keys = new Set<string>()
    let operations = 0
    let length = 0
    let taken = 0
    for (const member of this.#queue) {
      const { call, body } = member
      if (call.settled) {
        member.reject(new LibkvError('CLOSED', 'nobody waits for the answer any more'))
      } else {
        operations += member.operations.length
        length += body.length
        const fits =
          operations <= MAX_OPERATIONS && length <= MAX_LENGTH && isDisjoint(keys, member)
        if (members.length > 0 && !fits) break
        members.push(member)
        for (const key of member.keys) keys.add(key)
      }
      taken++
    }
    this.#queue.splice(0, taken)
    return members
  }

  async #transact(members: readonly Member[]): Promise<void> {
    const [only] = members
    if (members.length === 1 && only !== undefined) {
      await this.#send(only.body, only.call).then(only.resolve, only.reject)
      return
    }
    try {
      const body = `[${members.map((member) => member.body.slice(1, -1)).join()}]`
      const { results, problems } = await this.#send(body, new SharedCall(members))
      if (problems === undefined) answer(members, results)
      else this.#queue.unshift(...refuse(members, problems))
    } catch (error) {
      // Nobody can know whose part of it was too much for the server. Alone, each finds out about itself.
      if (isLibkvError(error) && !error.ambiguous && !error.retryable) {
        for (const member of members) await this.#transact([member])
      } else for (const member of members) member.reject(error)
    }
  }
}

interface Member {
  readonly operations: readonly KvOperation[]
  readonly body: string
  readonly keys: ReadonlySet<string>
  readonly call: Call
  readonly resolve: (reply: TxnAnswer) => void
  readonly reject: (error: unknown) => void
}

function isDisjoint(keys: ReadonlySet<string>, member: Member): boolean {
  for (const key of member.keys) if (keys.has(key)) return false
  return true
}

function answer(members: readonly Member[], results: TxnAnswer['results']): void {
  const owners = new Map<string, TxnAnswer['results'][number][]>()
  const own = members.map((member) => {
    const share: TxnAnswer['results'][number][] = []
    for (const key of member.keys) owners.set(key, share)
    return share
  })
  for (const result of results) owners.get(result.KV.Key)?.push(result)
  for (const [i, member] of members.entries())
    member.resolve({ results: own[i] ?? [], problems: undefined })
}

/** Tells those who have failed, and returns the others. */
function refuse(members: readonly Member[], problems: readonly TxnProblem[]): Member[] {
  const others: Member[] = []
  let start = 0
  for (const member of members) {
    const end = start + member.operations.length
    const own: TxnProblem[] = []
    for (const { OpIndex, What } of problems) {
      if (OpIndex >= start && OpIndex < end) own.push({ OpIndex: OpIndex - start, What })
    }
    if (own.length > 0) member.resolve({ results: [], problems: own })
    else others.push(member)
    start = end
  }
  if (others.length < members.length) return others
  // A refusal that names nobody, which would come again and again.
  const reason = problems[0]?.What ?? 'the transaction was refused without a reason'
  for (const member of members) member.reject(new LibkvError('BACKEND_ERROR', reason))
  return []
}

/** The calls of all members as one: it is over when the last of them is. */
class SharedCall implements Call {
  readonly deadline: number
  readonly connectDeadline: number
  readonly #calls: readonly Call[]

  constructor(members: readonly Member[]) {
    this.#calls = members.map(({ call }) => call)
    this.deadline = Math.max(...this.#calls.map(({ deadline }) => deadline))
    // To be told early that no server was found does no harm: core tries again for whoever has time left.
    this.connectDeadline = Math.min(...this.#calls.map(({ connectDeadline }) => connectDeadline))
  }

  get settled(): boolean {
    return this.#calls.every(({ settled }) => settled)
  }

  markSent(): void {
    for (const call of this.#calls) if (!call.settled) call.markSent()
  }

  onCancel(callback: () => void): void {
    for (const call of this.#calls) {
      call.onCancel(() => {
        if (this.settled) callback()
      })
    }
  }
}
