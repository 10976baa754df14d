import { measure, median } from './measure.ts'

/** One comparison: the same operation by libkv and by the raw driver. */
export interface Row {
  readonly name: string
  readonly ours: (index: number) => Promise<unknown>
  readonly theirs: (index: number) => Promise<unknown>
  /** As `ours`, through the bench's counter of requests. */
  readonly counted?: (index: number) => Promise<unknown>
  /** Removes what the operations have left behind; called between measurements. */
  readonly tidy?: () => Promise<unknown>
  /** One operation moves much: so many of them a round, one at a time. */
  readonly bulk?: number
}

/** All comparisons of one backend, on one server. */
export interface Bench extends AsyncCloseable {
  readonly backend: string
  readonly peer: string
  readonly rows: readonly Row[]
  readonly counter?: { readonly total: number; reset(): void }
  /** The times, in milliseconds, from the sending of a write until a watch has shown it. */
  readonly latency: {
    readonly ours: (rounds: number) => Promise<number[]>
    readonly theirs: (rounds: number) => Promise<number[]>
  }
}

interface AsyncCloseable {
  close(): Promise<void>
}

const ROUNDS = 7
const IN_FLIGHT = [1, 64, 512]

/**
 * Measures and prints each row: operations a second, CPU time for one, the ratios (above 1: libkv is better), and where
 * they are counted the requests that one call of libkv takes.
 */
export async function report({ backend, peer, rows, counter, latency }: Bench): Promise<void> {
  console.log(`\n${backend}: libkv beside ${peer}, median of ${String(ROUNDS)} rounds in turn`)
  line('', 'in flight', 'libkv/s', 'raw/s', 'ratio', 'libkv µs', 'raw µs', 'CPU ratio', 'requests')
  for (const { name, ours, theirs, counted, tidy, bulk } of rows) {
    const requests = counter && counted && (await requestsOf(counted, counter))
    for (const concurrency of bulk === undefined ? IN_FLIGHT : [1]) {
      const operations = bulk ?? (concurrency === 1 ? 2_000 : 10_000)
      const [a, b] = await measure(
        [
          { name: 'ours', operation: ours },
          { name: 'theirs', operation: theirs },
        ],
        { concurrency, operations, rounds: ROUNDS },
      )
      await tidy?.()
      if (a === undefined || b === undefined) continue
      line(
        name,
        String(concurrency),
        a.rate.toFixed(0),
        b.rate.toFixed(0),
        (a.rate / b.rate).toFixed(2),
        a.cpu.toFixed(1),
        b.cpu.toFixed(1),
        (b.cpu / a.cpu).toFixed(2),
        requests?.toFixed(2) ?? '',
      )
    }
  }
  const samples = { ours: [] as number[], theirs: [] as number[] }
  for (let round = 0; round < ROUNDS; round++) {
    samples.ours.push(median(await latency.ours(200)))
    samples.theirs.push(median(await latency.theirs(200)))
  }
  const [a, b] = [median(samples.ours), median(samples.theirs)]
  console.log(
    `watch latency: libkv ${a.toFixed(2)} ms, raw ${b.toFixed(2)} ms, ratio ${(b / a).toFixed(2)}`,
  )
}

/** How many requests one call takes. */
async function requestsOf(
  call: (index: number) => Promise<unknown>,
  counter: { readonly total: number; reset(): void },
): Promise<number> {
  // The first one may connect and look around.
  await call(0)
  counter.reset()
  for (let i = 1; i <= 20; i++) await call(i)
  return counter.total / 20
}

function line(...cells: readonly string[]): void {
  console.log(cells.map((cell, i) => (i === 0 ? cell.padEnd(12) : cell.padStart(10))).join(' '))
}
