import { FAULTS, compare, inOrder } from './history.ts'
import type { Belief, ElectionHistory, Fault, Write } from './history.ts'

/** All that is wrong with what happened; nothing, if the library keeps its promises. */
export function violationsOf(history: ElectionHistory): string[] {
  return [
    ...twoLeaders(history),
    ...disorder(history.beliefs),
    ...wrongAfterFreeze(history),
    ...staleWrites(history, history.fenced).map(
      ({ key, token }) => `a fenced write of the stale term ${String(token)} was accepted: ${key}`,
    ),
    ...refusedButThere(history),
    ...wrongSightings(history),
    ...history.incidents
      .filter(({ over }) => over === undefined)
      .map(({ fault }) => `nobody leads after: ${fault}`),
  ]
}

/** What is missing from a history for its lack of violations to mean anything. */
export function gapsInEvidence(
  history: ElectionHistory,
  wanted: { readonly handOvers: number; readonly each: Partial<Record<Fault, number>> },
): string[] {
  const { beliefs, incidents, lateWrites, unfenced } = history
  const gaps: string[] = []
  const expect = (what: string, found: number, minimum: number): void => {
    if (found < minimum) gaps.push(`${what}: ${String(found)}, not ${String(minimum)}`)
  }
  expect('hand-overs', new Set(beliefs.map(({ token }) => token)).size - 1, wanted.handOvers)
  for (const fault of FAULTS) {
    const found = incidents.filter((incident) => incident.fault === fault).length
    expect(fault, found, wanted.each[fault] ?? 0)
  }
  expect('stale writes accepted without a fence', staleWrites(history, unfenced).length, 1)
  const refused = lateWrites.filter(({ fenced }) => fenced === 'LOCK_LOST').length
  expect('late writes refused by the fence', refused, 1)
  expect('fenced writes accepted', history.fenced.length, 1)
  return gaps
}

/**
 * The writes that were accepted after a newer term had begun. The token is the revision at which a term begins, so the store's
 * own order decides.
 */
export function staleWrites(history: ElectionHistory, writes: readonly Write[]): Write[] {
  const terms = new Set<bigint>()
  for (const { token } of history.beliefs) terms.add(token)
  for (const { token } of history.sightings) terms.add(token)
  for (const { token } of [...history.fenced, ...history.unfenced]) terms.add(token)
  const tokens = [...terms].sort(compare)
  const next = new Map(tokens.map((token, i) => [token, tokens[i + 1]]))
  return writes.filter(({ token, revision }) => {
    const newer = next.get(token)
    return newer !== undefined && newer < revision
  })
}

/** That two believed at the same time, and why there was another one. */
export interface Overlap {
  readonly old: Belief
  readonly young: Belief
  readonly ms: number
  readonly fault: Fault | undefined
}

/** All of them. Who was frozen believes until its last look before, if its first look after is right. */
export function overlapsOf({ beliefs, incidents }: ElectionHistory): Overlap[] {
  const found: Overlap[] = []
  let latest: Belief | undefined
  for (const young of [...beliefs].sort((a, b) => compare(a.from, b.from))) {
    if (latest !== undefined && young.from <= latest.to) {
      const end = young.to < latest.to ? young.to : latest.to
      const { fault } =
        incidents.find(({ at, over = young.from }) => at <= young.from && young.from <= over) ?? {}
      found.push({ old: latest, young, ms: Number(end - young.from) / 1e6, fault })
    }
    if (latest === undefined || young.to > latest.to) latest = young
  }
  return found
}

/**
 * How long, in milliseconds, a leader may go on to believe whose session an operator has destroyed: the server takes back what it
 * had granted, and the leader cannot know before it is told.
 */
export const NOTICE = 250

/** Whether the old leader just had not been told yet that its session was destroyed. */
export const isUnavoidable = ({ fault, ms }: Overlap): boolean =>
  fault === 'session destroyed' && ms <= NOTICE

const twoLeaders = (history: ElectionHistory): string[] =>
  overlapsOf(history)
    .filter((overlap) => !isUnavoidable(overlap))
    .map(
      ({ old, young, ms, fault = 'nothing happened' }) =>
        `two leaders for ${ms.toFixed(3)} ms: ${name(old)} still, ${name(young)} already (${fault})`,
    )

function disorder(beliefs: readonly Belief[]): string[] {
  const found: string[] = []
  let newest: Belief | undefined
  for (const belief of [...beliefs].sort((a, b) => compare(a.from, b.from))) {
    if (newest !== undefined && belief.token <= newest.token) {
      found.push(`the tokens do not increase: ${name(newest)}, then ${name(belief)}`)
    } else newest = belief
  }
  return found
}

/** Whoever was frozen until another one led must not believe in its first look afterwards. */
function wrongAfterFreeze({ beliefs, denials, freezes }: ElectionHistory): string[] {
  const found: string[] = []
  for (const { process, token, to } of freezes) {
    const isSame = (other: { process: string; token: bigint }): boolean =>
      other.process === process && other.token === token
    if (beliefs.some((belief) => isSame(belief) && belief.to >= to)) {
      found.push(`${process} was frozen beyond its term ${String(token)}, and believed in it after`)
    }
    if (!denials.some((denial) => isSame(denial) && denial.at >= to)) {
      found.push(`${process} was frozen in its term ${String(token)}, and no look after was seen`)
    }
  }
  return found
}

function refusedButThere({ fenced, refused }: ElectionHistory): string[] {
  const there = new Set(fenced.map(({ key }) => key))
  return refused
    .filter((key) => there.has(key))
    .map((key) => `a write was refused, and is there: ${key}`)
}

function wrongSightings({ beliefs, sightings }: ElectionHistory): string[] {
  const found: string[] = []
  const leaders = new Map(inOrder(beliefs).map(({ token, process }) => [token, process]))
  let newest = 0n
  for (const { id, token } of sightings) {
    if (token < newest) found.push(`a follower saw ${String(token)} after ${String(newest)}`)
    newest = token
    const leader = leaders.get(token)
    if (leader !== undefined && leader !== id) {
      found.push(
        `a follower saw ${id} lead with token ${String(token)}, which is that of ${leader}`,
      )
    }
    leaders.set(token, id)
  }
  return found
}

const name = ({ process, token }: Belief): string => `${process} (token ${String(token)})`
