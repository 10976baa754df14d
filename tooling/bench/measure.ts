/** One contender of a row: what it is called, and one operation of it. */
export interface Subject {
  readonly name: string
  readonly operation: (index: number) => Promise<unknown>
}

/** What was measured of one subject. */
export interface Figure {
  readonly name: string
  /** Operations a second, the median over the rounds. */
  readonly rate: number
  /** Microseconds of this process's CPU time for one operation, the median over the rounds. */
  readonly cpu: number
}

/**
 * Runs the subjects in turn, several rounds, so that what else the machine does hits all of them alike.
 *
 * @param concurrency - how many operations are in flight at once.
 * @param operations - how many operations a round has.
 */
export async function measure(
  subjects: readonly Subject[],
  { concurrency, operations, rounds }: { concurrency: number; operations: number; rounds: number },
): Promise<Figure[]> {
  const samples = new Map<string, { rate: number; cpu: number }[]>()
  for (const { operation } of subjects) await run(operation, concurrency, Math.ceil(operations / 4))
  for (let round = 0; round < rounds; round++) {
    // Who goes first in a round alternates.
    const order = round % 2 === 0 ? subjects : [...subjects].reverse()
    for (const { name, operation } of order) {
      const cpuBefore = process.cpuUsage()
      const start = performance.now()
      await run(operation, concurrency, operations)
      const elapsed = performance.now() - start
      const { user, system } = process.cpuUsage(cpuBefore)
      const sample = { rate: (operations / elapsed) * 1000, cpu: (user + system) / operations }
      samples.set(name, [...(samples.get(name) ?? []), sample])
    }
  }
  return subjects.map(({ name }) => {
    const all = samples.get(name) ?? []
    return {
      name,
      rate: median(all.map(({ rate }) => rate)),
      cpu: median(all.map(({ cpu }) => cpu)),
    }
  })
}

async function run(
  operation: (index: number) => Promise<unknown>,
  concurrency: number,
  operations: number,
): Promise<void> {
  let next = 0
  const worker = async (): Promise<void> => {
    while (next < operations) await operation(next++)
  }
  await Promise.all(Array.from({ length: Math.min(concurrency, operations) }, worker))
}

/** The middle one. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  const upper = sorted[middle] ?? NaN
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? NaN) + upper) / 2
}
