import type { Belief, Write } from './history.ts'

export interface History {
  readonly beliefs: readonly Belief[]
  readonly writes: readonly Write[]
  /** In milliseconds. Who has not looked for so long was frozen, and must find that it does not lead any more. */
  readonly ttl: number
}

/** What is wrong with the history of an election; nothing if it is empty. */
export function checkHistory({ beliefs, writes, ttl }: History): string[] {
  return [
    ...twoBelievers(beliefs),
    ...tokensOutOfOrder(beliefs),
    ...beliefsThroughAFreeze(beliefs, BigInt(ttl) * 1_000_000n),
    ...staleWrites(beliefs, writes).map(
      ({ token, revision }) => `stale: a write of term ${token} was taken at ${revision}`,
    ),
  ]
}

/**
 * The writes that were taken when their term was over. A token is the revision at which its term began, so a write is stale if
 * another term began between its own and itself.
 */
export function staleWrites(beliefs: readonly Belief[], writes: readonly Write[]): Write[] {
  const begun = new Set([...beliefs, ...writes].map(({ token }) => token))
  const tokens = [...begun].sort(ascending)
  const stale: Write[] = []
  for (const write of writes) {
    const next = tokens[indexAfter(tokens, write.token)]
    if (next !== undefined && next < write.revision) stale.push(write)
  }
  return stale
}

function twoBelievers(beliefs: readonly Belief[]): string[] {
  const found: string[] = []
  let longest: Belief | undefined
  for (const belief of byTime(beliefs)) {
    if (longest !== undefined && belief.from <= longest.to && belief.worker !== longest.worker) {
      const overlap = milliseconds((belief.to < longest.to ? belief.to : longest.to) - belief.from)
      found.push(
        `two believers: ${longest.worker} (term ${longest.token}) and ${belief.worker} (term ${belief.token}) for ${overlap} ms`,
      )
    }
    if (longest === undefined || belief.to > longest.to) longest = belief
  }
  return found
}

function tokensOutOfOrder(beliefs: readonly Belief[]): string[] {
  const sorted = byTime(beliefs)
  return sorted.flatMap(({ token, worker }, i) => {
    const previous = sorted[i - 1]
    if (previous === undefined || token > previous.token) return []
    return [`tokens: ${worker} leads with ${token} after ${previous.worker} with ${previous.token}`]
  })
}

function beliefsThroughAFreeze(beliefs: readonly Belief[], ttl: bigint): string[] {
  return beliefs
    .filter(({ silence }) => silence > ttl)
    .map(
      ({ worker, silence }) =>
        `frozen: ${worker} still believes after ${milliseconds(silence)} ms without a look`,
    )
}

const byTime = (beliefs: readonly Belief[]): Belief[] =>
  [...beliefs].sort((a, b) => ascending(a.from, b.from))

const ascending = (a: bigint, b: bigint): number => (a < b ? -1 : a > b ? 1 : 0)

/** Where in a sorted list the first one greater than `value` is. */
function indexAfter(sorted: readonly bigint[], value: bigint): number {
  let low = 0
  let high = sorted.length
  while (low < high) {
    const middle = (low + high) >> 1
    if ((sorted[middle] as bigint) <= value) low = middle + 1
    else high = middle
  }
  return low
}

const milliseconds = (nanoseconds: bigint): string => (Number(nanoseconds) / 1e6).toFixed(1)
