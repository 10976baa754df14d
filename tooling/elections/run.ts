import type { Backend } from '../servers/index.ts'
import { checkHistory, staleWrites } from './check-history.ts'
import { Election } from './election.ts'
import { schedule, temptations } from './faults.ts'
import type { Fault } from './faults.ts'
import type { Belief } from './history.ts'

export interface RunOptions {
  readonly backend: Backend
  readonly handOvers: number
  /** In milliseconds. */
  readonly ttl: number
  readonly seed: number
  /** How often each temptation is tried without fencing. */
  readonly control: number
}

/** What one kind of fault has led to. */
export interface FaultResult {
  readonly name: string
  readonly count: number
  /** How long nobody led, in milliseconds, each time that another one took over. */
  readonly gaps: readonly number[]
}

export interface RunResult {
  /** How often one leader followed another. */
  readonly handOvers: number
  readonly faults: readonly FaultResult[]
  /** Writes that the store took, and writes that it refused for their token. */
  readonly taken: number
  readonly refused: number
  /** The writes of stale terms that were taken in the arm without fencing. */
  readonly staleWithoutFencing: number
  readonly violations: readonly string[]
}

/** What was done, and in which term. */
interface Step {
  readonly fault: Fault
  readonly token: bigint
}

/** Lets processes lead one after the other by all kinds of faults, and checks what they did. */
export async function run(options: RunOptions): Promise<RunResult> {
  const { backend, handOvers, ttl, seed, control } = options
  const planned = schedule(handOvers, seed)
  await using election = await Election.start({ backend, ttl, isFenced: true })
  const steps = await play(election, planned)
  const { beliefs } = election.log
  const writes = await election.writes()
  const violations = checkHistory({ beliefs, writes, ttl })

  const tempting = Array.from({ length: control }, () => temptations).flat()
  const staleWithoutFencing = await withoutFencing(options, tempting)
  if (staleWithoutFencing === 0) {
    violations.push(
      'control: no write of a stale term was seen without fencing, so nothing is shown',
    )
  }
  const terms = beliefs.length - 1
  if (terms < handOvers) violations.push(`only ${terms} hand-overs of ${handOvers}`)
  return {
    handOvers: terms,
    faults: resultsOf(steps, beliefs),
    taken: writes.length,
    refused: election.refused,
    staleWithoutFencing,
    violations,
  }
}

async function withoutFencing(
  { backend, ttl }: RunOptions,
  tempting: readonly Fault[],
): Promise<number> {
  await using election = await Election.start({ backend, ttl, isFenced: false })
  await play(election, tempting)
  return staleWrites(election.log.beliefs, await election.writes()).length
}

async function play(election: Election, planned: readonly Fault[]): Promise<Step[]> {
  const steps: Step[] = []
  for (const fault of planned) {
    const leader = await election.isSettled()
    const { token } = leader
    if (token === undefined) throw new Error('the leader has just lost its office by itself')
    const heal = await fault.inflict(election, leader)
    if (fault.deposes) await election.hasLeaderAfter(token)
    else await election.isAtWork()
    await heal()
    steps.push({ fault, token })
  }
  // Also the last ones that were deposed write what they have left to write.
  await election.isSettled()
  await election.isAtWork()
  return steps
}

function resultsOf(steps: readonly Step[], beliefs: readonly Belief[]): FaultResult[] {
  const sorted = [...beliefs].sort((a, b) => (a.token < b.token ? -1 : 1))
  const results = new Map<string, { name: string; count: number; gaps: number[] }>()
  for (const [i, { fault, token }] of steps.entries()) {
    const { name } = fault
    const result = results.get(name) ?? { name, count: 0, gaps: [] }
    results.set(name, result)
    result.count++
    // All terms that ended in this step: without a hand-over there is none.
    const until = steps[i + 1]?.token ?? sorted.at(-1)?.token ?? token
    for (const [j, belief] of sorted.entries()) {
      const next = sorted[j + 1]
      if (next === undefined || belief.token < token || belief.token >= until) continue
      result.gaps.push(Number(next.from - belief.to) / 1e6)
    }
  }
  return [...results.values()]
}
