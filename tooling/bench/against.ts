import { fileURLToPath } from 'node:url'
import { startServers } from '@libkv/testing/servers'
import type { BenchArguments, StoreName } from './arguments.ts'
import { Checkout } from './checkout.ts'
import { build, command, root } from './command.ts'
import { median } from './measure.ts'
import { change, ratioOf, verdict } from './ratios.ts'
import type { Ratio } from './ratios.ts'

/** A row whose interval lies above this ratio is a regression. */
const LIMIT = 1.03

type Costs = Readonly<Record<string, number>>

/**
 * Compares this build with that of another commit: the CPU time of each operation, measured in rounds in which a process of
 * either build runs, on one server. Prints a table for each store.
 */
export async function compareWithCommit(
  against: string,
  { rounds, endpoints }: BenchArguments,
  signal: AbortSignal,
): Promise<void> {
  await using other = await Checkout.of(against, signal)
  console.log(`building this tree and commit ${other.commit.slice(0, 10)}`)
  const stores = [...endpoints.keys()]
  await build(other.folder, stores, signal)
  await build(root, stores, signal)
  const rows = new Map<string, Ratio>()
  for (const [store, given] of endpoints) {
    await using server = await serverFor(store, given)
    const news: Costs[] = []
    const olds: Costs[] = []
    for (let round = 0; round < rounds; round++) {
      const both = [
        { folder: root, costs: news },
        { folder: other.folder, costs: olds },
      ]
      // Which build goes first in a round alternates.
      for (const { folder, costs } of round % 2 === 0 ? both : both.reverse()) {
        costs.push(await costsOf(folder, store, server.endpoint, signal))
      }
    }
    for (const [row, ratio] of print(store, news, olds)) rows.set(`${store} ${row}`, ratio)
  }
  console.log(`\n${verdict(rows, LIMIT)}`)
}

async function serverFor(
  store: StoreName,
  given: string | undefined,
): Promise<AsyncDisposable & { readonly endpoint: string }> {
  if (given !== undefined || store === 'memory') {
    return { endpoint: given ?? 'bench', [Symbol.asyncDispose]: () => Promise.resolve() }
  }
  const servers = await startServers(store)
  return {
    endpoint: servers.endpoints[0] ?? '',
    [Symbol.asyncDispose]: () => servers[Symbol.asyncDispose](),
  }
}

async function costsOf(
  folder: string,
  store: string,
  endpoint: string,
  signal: AbortSignal,
): Promise<Costs> {
  const program = fileURLToPath(new URL('costs.ts', import.meta.url))
  const args = ['--import', 'tsx', program, folder, store, endpoint]
  return JSON.parse(await command(process.execPath, args, { signal })) as Costs
}

/** Prints the table of a store, and returns its rows. */
function print(store: string, news: readonly Costs[], olds: readonly Costs[]): Map<string, Ratio> {
  const rows = new Map<string, Ratio>()
  console.log(`\n${store}: µs of CPU for one operation, ${String(news.length)} rounds`)
  line('', 'old', 'new', 'change', '95 % from', 'to')
  for (const row of Object.keys(news[0] ?? {})) {
    const [a, b] = [news, olds].map((all) => all.map((costs) => costs[row] ?? NaN)) as [
      number[],
      number[],
    ]
    const ratio = ratioOf(a, b)
    rows.set(row, ratio)
    const figures = [median(b).toFixed(1), median(a).toFixed(1)]
    line(row, ...figures, change(ratio.median), change(ratio.low), change(ratio.high))
  }
  return rows
}

function line(...cells: readonly string[]): void {
  console.log(cells.map((cell, i) => (i === 0 ? cell.padEnd(12) : cell.padStart(10))).join(' '))
}
