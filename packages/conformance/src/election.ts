import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { Store } from '@libkv/core'
import type { Harness } from './harness.ts'
import type {
  CandidateSettings,
  LeadershipRecipe,
  TestedCandidate,
  TestedFollower,
  TestedTerm,
} from './leadership-recipe.ts'
import { waitFor, within } from './wait-for.ts'

/** One election of a case, each candidate with a store of its own. */
export class Election {
  readonly key: string
  readonly #harness: Harness
  readonly #recipe: LeadershipRecipe

  constructor(harness: Harness, recipe: LeadershipRecipe) {
    this.#harness = harness
    this.#recipe = recipe
    this.key = harness.key('leader')
  }

  async candidate(id: string, settings: CandidateSettings = {}): Promise<TestedCandidate> {
    return this.candidateOn(await this.#harness.open(), id, settings)
  }

  candidateOn(store: Store, id: string, settings: CandidateSettings = {}): TestedCandidate {
    const ttl = this.#harness.steadyTtl
    const candidate = new this.#recipe.Candidate(store, this.key, { id, ttl, ...settings })
    return this.#harness.keep(candidate)
  }

  get follower(): TestedFollower {
    return this.followerOn(this.#harness.kv)
  }

  followerOn(store: Store): TestedFollower {
    return new this.#recipe.Follower(store, this.key)
  }

  /** One that leads. */
  async leader(
    id: string,
    settings?: CandidateSettings,
  ): Promise<{ readonly candidate: TestedCandidate; readonly term: TestedTerm }> {
    const candidate = await this.candidate(id, settings)
    return { candidate, term: await within('the election', candidate.campaign()) }
  }

  /** One that waits in line, and the term that it will have. */
  async waiter(
    id: string,
    settings?: CandidateSettings,
  ): Promise<{ readonly candidate: TestedCandidate; readonly elected: Promise<TestedTerm> }> {
    const candidate = await this.candidate(id, settings)
    const elected = inBackground(candidate.campaign())
    await waitFor(`${id} is in line`, async () => (await this.names()).includes(id))
    return { candidate, elected }
  }

  /** Who leads or waits, in order. */
  async names(follower = this.follower): Promise<string[]> {
    return (await follower.candidates()).map(({ id }) => id)
  }

  async isLine(...names: readonly string[]): Promise<void> {
    await waitFor(`the line is ${names.join(', ')}`, async () => {
      return String(await this.names()) === String(names)
    })
  }

  /** Waits until everybody sees that one lead. */
  async isLed(by: string): Promise<void> {
    await waitFor(`${by} leads`, async () => (await this.follower.leader())?.id === by)
  }

  async isVacant(): Promise<void> {
    await this.isLine()
    assert.equal(await this.follower.leader(), null)
  }
}

/** The events that a candidate tells, in order. */
export function eventsOf(candidate: TestedCandidate): string[] {
  const events: string[] = []
  for (const event of ['elected', 'resigned', 'lost', 'error'] as const) {
    candidate.on(event, () => events.push(event))
  }
  return events
}

/** Resolves when the signal fires. */
export async function isOver({ signal }: TestedTerm): Promise<void> {
  if (!signal.aborted) await once(signal, 'abort')
}

/** What goes on beside the case: what it rejects with is seen when it is awaited, if the case gets there. */
export function inBackground<T>(work: Promise<T>): Promise<T> {
  work.catch(() => undefined)
  return work
}
