/** What can happen to the leader of an election, or to the store's own. */
export const FAULTS = [
  'resigns',
  'SIGTERM',
  'SIGKILL',
  'SIGSTOP',
  'SIGSTOP before a write',
  'cut off',
  'session destroyed',
  "store's leader killed",
  "store's leader frozen",
] as const

export type Fault = (typeof FAULTS)[number]

/** A process looked at `isLeader()` again and again, and each look from the first to the last said that it leads. Times in ns. */
export interface Belief {
  readonly process: string
  readonly token: bigint
  readonly from: bigint
  readonly to: bigint
}

/** The first look after a belief, which said that it does not lead any more. */
export interface Denial {
  readonly process: string
  readonly token: bigint
  readonly at: bigint
}

/** A process was stopped in that time, while it led. */
export interface Freeze {
  readonly process: string
  readonly token: bigint
  readonly from: bigint
  readonly to: bigint
}

/** A write that the store has accepted, and the term in which it was begun. */
export interface Write {
  readonly key: string
  readonly token: bigint
  readonly revision: bigint
}

/** What became of the two writes of a leader that was stopped between its look at `isLeader()` and the sending of them. */
export interface LateWrites {
  readonly token: bigint
  /** `accepted`, or the code of the error. */
  readonly fenced: string
  readonly unfenced: string
}

/** Who a follower saw leading. */
export interface Sighting {
  readonly id: string
  readonly token: bigint
}

export interface Incident {
  readonly fault: Fault
  readonly at: bigint
  /** When a leader had shown, by a fenced write that it began after the fault, that there is one again. Missing: never. */
  readonly over?: bigint
}

/** All that is known of an election in the end. */
export interface ElectionHistory {
  readonly beliefs: readonly Belief[]
  readonly denials: readonly Denial[]
  readonly freezes: readonly Freeze[]
  readonly fenced: readonly Write[]
  /** The control arm: the same writes without a fence. */
  readonly unfenced: readonly Write[]
  /** The keys of fenced writes of which the writer was told that their term is over. */
  readonly refused: readonly string[]
  readonly lateWrites: readonly LateWrites[]
  readonly sightings: readonly Sighting[]
  readonly incidents: readonly Incident[]
}

/** Reads what a {@link CandidateLog} wrote. */
export function parseLog(
  process: string,
  text: string,
): Pick<ElectionHistory, 'beliefs' | 'denials' | 'refused'> {
  const beliefs: Belief[] = []
  const denials: Denial[] = []
  const refused: string[] = []
  // A process that was killed may have left half a line.
  for (const line of text
    .slice(0, text.lastIndexOf('\n') + 1)
    .trimEnd()
    .split('\n')) {
    const [kind, first = '', second = '', third = ''] = line.split(' ')
    if (kind === 'refused') refused.push(first)
    if (kind === 'denial') denials.push({ process, token: BigInt(first), at: BigInt(second) })
    if (kind !== 'belief') continue
    beliefs.push({ process, token: BigInt(first), from: BigInt(second), to: BigInt(third) })
  }
  return { beliefs, denials, refused }
}

/** For how long after it is over, in ns, a fault has consequences: what was frozen catches up. */
const AFTERMATH = 500_000_000n

/** What happened that made somebody lead. */
export function incidentOf({ from }: Belief, incidents: readonly Incident[]): Incident | undefined {
  return incidents.findLast(({ at, over = from }) => at <= from && from <= over + AFTERMATH)
}

/** The beliefs in the order of their terms. */
export const inOrder = (beliefs: readonly Belief[]): Belief[] =>
  [...beliefs].sort((a, b) => compare(a.token, b.token))

export const compare = (a: bigint, b: bigint): number => (a < b ? -1 : Number(a > b))
