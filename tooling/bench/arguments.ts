import { parseArgs } from 'node:util'

/** The stores that can be measured. `memory` has no raw client, so it is compared with other builds only. */
export const stores = ['memory', 'consul', 'etcd', 'zookeeper'] as const

export type StoreName = (typeof stores)[number]

/** What `npm run bench` is asked to do. */
export interface BenchArguments {
  /** The commit to compare this build with; undefined to compare it with the raw clients. */
  readonly against: string | undefined
  /** How many pairs of processes measure a store. */
  readonly rounds: number
  /** The endpoint of each store to measure; undefined where the bench starts a server. */
  readonly endpoints: ReadonlyMap<StoreName, string | undefined>
}

/** With fewer rounds there is no interval that holds the median with 95 %. */
export const MIN_ROUNDS = 6

/** A sentence for the person who typed the command. */
export class UsageError extends Error {}

/** @throws UsageError. */
export function parseArguments(args: readonly string[]): BenchArguments {
  const { values, positionals } = parsed(args)
  const { against } = values
  if (against === undefined && values.rounds !== undefined) {
    throw new UsageError('--rounds is an option of --against')
  }
  const endpoints = new Map<StoreName, string | undefined>()
  for (const text of positionals) {
    const [name = '', endpoint] = text.split('=', 2)
    const store = stores.find((each) => each === name)
    if (store === undefined) {
      throw new UsageError(`unknown store '${name}' (known: ${stores.join(', ')})`)
    }
    if (store === 'memory' && against === undefined) {
      throw new UsageError('memory has no raw client; it can be measured with --against <commit>')
    }
    endpoints.set(store, endpoint)
  }
  if (endpoints.size === 0) {
    for (const store of stores) {
      if (store !== 'memory' || against !== undefined) endpoints.set(store, undefined)
    }
  }
  return { against, rounds: roundsOf(values.rounds ?? '15'), endpoints }
}

function parsed(args: readonly string[]): {
  values: { against?: string | undefined; rounds?: string | undefined }
  positionals: string[]
} {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: { against: { type: 'string' }, rounds: { type: 'string' } },
    })
  } catch (error) {
    throw new UsageError((error as Error).message)
  }
}

function roundsOf(text: string): number {
  const rounds = Number(text)
  if (Number.isInteger(rounds) && rounds >= MIN_ROUNDS) return rounds
  throw new UsageError(
    `--rounds must be an integer of at least ${String(MIN_ROUNDS)}; got '${text}'`,
  )
}
