import { overlapsOf, staleWrites } from './check-history.ts'
import { FAULTS, inOrder } from './history.ts'
import type { ElectionHistory, Fault, Incident } from './history.ts'

/** One change of the leader. Times in ms. */
export interface HandOver {
  /** In consequence of what; undefined when nothing was done to anybody. */
  readonly fault: Fault | undefined
  /** From the last look at which the old leader believed to the first at which the new one did. */
  readonly gap: number
  /** From what was done to the first look at which the new leader believed. */
  readonly sinceFault: number | undefined
}

export function handOversOf({ beliefs, incidents }: ElectionHistory): HandOver[] {
  const handOvers: HandOver[] = []
  const terms = inOrder(beliefs)
  const seen = new Set<Incident>()
  for (const [i, { from }] of terms.entries()) {
    const before = terms[i - 1]
    if (before === undefined) continue
    const incident = incidents.find(({ at, over = from }) => at <= from && from <= over)
    // Only the first new leader is the answer to it.
    const isFirst = incident !== undefined && !seen.has(incident)
    if (incident !== undefined) seen.add(incident)
    handOvers.push({
      fault: incident?.fault,
      gap: ms(from - before.to),
      sinceFault: isFirst ? ms(from - incident.at) : undefined,
    })
  }
  return handOvers
}

/** A table of the faults, how often each happened, and how long nobody led. */
export function reportOf(title: string, ttl: number, history: ElectionHistory): string {
  const handOvers = handOversOf(history)
  const rows = [...FAULTS, undefined].map((fault) => {
    const of = handOvers.filter((handOver) => handOver.fault === fault)
    const gaps = of.map(({ gap }) => gap)
    const since = of.flatMap(({ sinceFault }) => sinceFault ?? [])
    const count = history.incidents.filter((incident) => incident.fault === fault).length
    return [
      fault ?? '(none)',
      fault === undefined ? '' : String(count),
      String(of.length),
      ...[0.5, 0.99, 1].map((share) => figure(quantile(gaps, share), ttl)),
      figure(quantile(since, 1), ttl),
    ]
  })
  const head = ['fault', 'faults', 'hand-overs', 'median', 'p99', 'max', 'max since fault']
  const { beliefs, fenced, unfenced, lateWrites, refused, freezes } = history
  const tally = (values: readonly string[]): string =>
    [...new Set(values)]
      .map((value) => `${value} ${String(values.filter((other) => other === value).length)}`)
      .join(', ')
  return [
    `${title}: ${String(handOvers.length)} hand-overs, ${String(beliefs.length)} terms, ttl ${String(ttl)} ms`,
    "Without a leader, from the last look that said yes to the next leader's first, in ms (multiples of the ttl):",
    ...table([head, ...rows]),
    ...overlaps(history),
    `Fenced writes: ${String(fenced.length)} accepted, ${String(staleWrites(history, fenced).length)} of them of a stale term; ${String(refused.length)} refused.`,
    `Without a fence: ${String(unfenced.length)} accepted, ${String(staleWrites(history, unfenced).length)} of them of a stale term.`,
    `Late writes, fenced: ${tally(lateWrites.map((late) => late.fenced))}; without a fence: ${tally(lateWrites.map((late) => late.unfenced))}.`,
    `Freezes beyond the term: ${String(freezes.length)}, each with a look after it. A follower saw ${String(history.sightings.length)} states.`,
  ].join('\n')
}

/** What there is to say of each fault that led to two leaders at a time. */
function overlaps(history: ElectionHistory): string[] {
  const found = overlapsOf(history)
  return [...FAULTS, undefined].flatMap((fault) => {
    const times = found.filter((overlap) => overlap.fault === fault).map(({ ms }) => ms)
    if (times.length === 0) return []
    const longest = Math.max(...times).toFixed(1)
    return `Two leaders, ${fault ?? 'though nothing happened'}: ${times.length} times, for ${longest} ms at the longest.`
  })
}

/** The smallest value that at least that share of them does not exceed. */
export function quantile(values: readonly number[], share: number): number | undefined {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)]
}

const ms = (ns: bigint): number => Number(ns) / 1e6

const figure = (value: number | undefined, ttl: number): string =>
  value === undefined ? '' : `${value.toFixed(value < 100 ? 1 : 0)} (${(value / ttl).toFixed(2)})`

function table(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_, column) =>
    Math.max(...rows.map((row) => (row[column] ?? '').length)),
  )
  return rows.map((row) =>
    row
      .map((cell, i) => (i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0)))
      .join('  '),
  )
}
