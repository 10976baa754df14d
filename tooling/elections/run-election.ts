import type { Backend } from '@libkv/testing/servers'
import { Election } from './election.ts'
import { faults } from './faults.ts'
import { FAULTS } from './history.ts'
import type { ElectionHistory, Fault } from './history.ts'

export interface ElectionPlan {
  readonly backend: Backend
  readonly ttl: number
  readonly seed: number
  readonly handOvers: number
  /** How often each fault is to happen. Resignations make up what is missing to the number of hand-overs. */
  readonly faults: Readonly<Record<Fault, number>>
  readonly progress?: (text: string) => void
}

/** Runs an election to which all of that happens, in random order, and tells what happened. */
export async function runElection(plan: ElectionPlan): Promise<ElectionHistory> {
  const { backend, ttl, progress = () => {} } = plan
  const random = randomFrom(plan.seed)
  await using election = await Election.start({ backend, ttl, random, faults })
  const wanted = FAULTS.flatMap((fault) =>
    Array.from<Fault>({ length: plan.faults[fault] }).fill(fault),
  )
  const order = wanted
    .map((fault) => ({ fault, place: random() }))
    .sort((a, b) => a.place - b.place)
    .map(({ fault }) => fault)
  try {
    for (let i = 0; i < order.length || election.handOvers < plan.handOvers; i++) {
      await election.suffer(order[i] ?? 'resigns')
      if ((i + 1) % 25 === 0) progress(`${i + 1} faults, ${election.handOvers} hand-overs`)
    }
  } catch (error) {
    // It is in the history as a fault after which nobody leads.
    progress(String(error))
  }
  for (const [text, count] of election.errors) progress(`${count} x ${text}`)
  return await election.finish()
}

/** Numbers from 0 to 1 that are the same for the same seed. */
function randomFrom(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state / 2 ** 32
  }
}
