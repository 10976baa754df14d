import { LibkvError } from '@libkv/core'
import type { Call, Entry } from '@libkv/core/driver'
import type { ConsulClient } from './consul-client.ts'
import { encodeTxn, entryOf } from './consul-codec.ts'
import type { KvJson, KvOperation, TxnProblem } from './consul-codec.ts'
import { errorOfAnswer } from './consul-errors.ts'

/** What became of a transaction. */
export interface TxnAnswer {
  /** One for each operation that has one: checks and writes do, deletions do not. */
  readonly results: readonly { readonly KV: KvJson }[]
  /** Why nothing was done; undefined where all was. */
  readonly problems: readonly TxnProblem[] | undefined
}

/** @param body - what {@link encodeTxn} makes. */
export async function sendTxn(
  client: ConsulClient,
  body: string,
  call: Call,
  path = 'txn',
): Promise<TxnAnswer> {
  const answer = await client.request({ method: 'PUT', path, body }, [200, 409], call)
  const { Results, Errors } = JSON.parse(answer.body.toString()) as {
    readonly Results: TxnAnswer['results'] | null
    readonly Errors: readonly TxnProblem[] | null
  }
  return { results: Results ?? [], problems: answer.status === 409 ? (Errors ?? []) : undefined }
}

/**
 * A transaction that only reads takes keys that cannot be part of a path.
 *
 * @throws LibkvError `ACCESS_DENIED` also where the server answers 200 with nothing.
 */
export async function readByTxn(
  client: ConsulClient,
  operation: KvOperation & { readonly Verb: 'get' | 'get-tree' },
  mode: string,
  call: Call,
): Promise<Entry[]> {
  const body = encodeTxn([operation])
  const { results, problems } = await sendTxn(client, body, call, `txn?${mode}`)
  const [problem] = problems ?? []
  if (problem !== undefined && !problem.What.endsWith("doesn't exist")) {
    throw errorOfAnswer(409, problem.What)
  }
  // A key that is there and not shown is a forbidden one.
  if (operation.Verb === 'get' && problem === undefined && results.length === 0) {
    throw new LibkvError('ACCESS_DENIED', 'the token may not read this key')
  }
  return results.map(({ KV }) => entryOf(KV))
}
