import { median } from './measure.ts'

/** The median of paired ratios, and the interval that holds the true median with 95 %. */
export interface Ratio {
  readonly median: number
  readonly low: number
  readonly high: number
}

const DOUBT = 0.05

/**
 * Compares two builds that were measured in pairs. The interval is that of the sign test, which assumes nothing about how
 * the ratios are distributed: other load on the machine hits single rounds hard.
 *
 * @throws RangeError with fewer than six pairs, of which no interval is wide enough.
 */
export function ratioOf(news: readonly number[], olds: readonly number[]): Ratio {
  const ratios = news.map((value, i) => value / (olds[i] ?? NaN)).sort((a, b) => a - b)
  const cut = cutOf(ratios.length)
  const low = ratios[cut] ?? NaN
  const high = ratios[ratios.length - 1 - cut] ?? NaN
  return { median: median(ratios), low, high }
}

/** How many of the sorted values may be left out at each end. */
function cutOf(count: number): number {
  // The chance that at most `cut` of the values lie below the true median, and the same above it.
  let term = 0.5 ** count
  let tail = term
  if (2 * tail > DOUBT) throw new RangeError(`${String(count)} pairs are too few for an interval`)
  let cut = 0
  for (;;) {
    term *= (count - cut) / (cut + 1)
    tail += term
    if (2 * tail > DOUBT) return cut
    cut++
  }
}

/** A ratio as a change: 1.034 is `+3.4 %`. */
export function change(ratio: number): string {
  // No `-0.0`.
  const percent = Math.round((ratio - 1) * 1_000) / 10 || 0
  return `${percent > 0 ? '+' : ''}${percent.toFixed(1)} %`
}

/** The last line: the rows whose whole interval lies above `limit`, such as 1.03. */
export function verdict(rows: ReadonlyMap<string, Ratio>, limit: number): string {
  const regressions = [...rows].filter(([, { low }]) => low > limit)
  if (regressions.length === 0) return `No interval lies above ${change(limit)}.`
  const list = regressions.map(
    ([name, { low, high }]) => `${name} (${change(low)} to ${change(high)})`,
  )
  return `Intervals above ${change(limit)}: ${list.join(', ')}.`
}
