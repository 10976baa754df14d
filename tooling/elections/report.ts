import type { FaultResult, RunOptions, RunResult } from './run.ts'

/** The result as a table, and what is wrong with it. */
export function report({ backend, ttl, seed }: RunOptions, result: RunResult): string {
  const rows = result.faults.map(({ name, count, gaps }) => [
    name,
    String(count),
    String(gaps.length),
    ...[0.5, 0.99, 1].map((share) => {
      const gap = quantile(gaps, share)
      return gap === undefined ? '-' : `${gap.toFixed(0)} ms = ${(gap / ttl).toFixed(2)}`
    }),
  ])
  const head = ['fault', 'times', 'hand-overs', 'median', '99 %', 'longest']
  return [
    `${backend}: ${result.handOvers} hand-overs, ttl ${ttl} ms, seed ${seed}; without a leader, in ms and in ttl:`,
    ...table([head, ...rows]),
    `writes: ${result.taken} taken, ${result.refused} refused for their token; ` +
      `without fencing ${result.staleWithoutFencing} of a stale term taken`,
    ...result.violations.map((violation) => `VIOLATION ${violation}`),
  ].join('\n')
}

/** What of the times without a leader is over its bound. */
export function tooSlow({ ttl }: RunOptions, { faults }: RunResult): string[] {
  const of = (name: string): FaultResult | undefined => faults.find((fault) => fault.name === name)
  const death = quantile(of('SIGKILL')?.gaps ?? [], 1) ?? Infinity
  const resignation = quantile(of('resignation')?.gaps ?? [], 0.99) ?? Infinity
  return [
    ...(death > 1.25 * ttl ? [`SIGKILL: ${(death / ttl).toFixed(2)} ttl without a leader`] : []),
    ...(resignation > 100 ? [`resignation: ${resignation.toFixed(0)} ms at 99 %`] : []),
  ]
}

export function quantile(values: readonly number[], share: number): number | undefined {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)]
}

function table(rows: readonly (readonly string[])[]): string[] {
  const widths = rows[0]?.map((_, i) => Math.max(...rows.map((row) => row[i]?.length ?? 0))) ?? []
  return rows.map((row) =>
    row
      .map((cell, i) => (i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0)))
      .join('  '),
  )
}
