import assert from 'node:assert/strict'
import { describe, it } from '@jest/globals'
import { leadershipConformance } from '@libkv/conformance'
import type { LeadershipRecipe } from '@libkv/conformance'
import type { Store } from '@libkv/core'
import { memory } from '@libkv/memory'
import { waits } from '../../conformance/src/wait-for.ts'
import { collectingRunner } from '../../conformance/test/collecting-runner.ts'
import { Candidate, Follower } from '../src/index.ts'
import type { FencedStore, Leader, Term } from '../src/index.ts'

/** The term, with writes that ask nobody. */
function unfenced(term: Term, store: Store): Term {
  const fenced: FencedStore = {
    put: (key, value, options) => store.put(key, value, options),
    delete: async (key, options) => {
      await store.delete(key, options)
    },
    atomicPut: (key, value, previous, options) => store.atomicPut(key, value, previous, options),
    atomicDelete: (key, previous, options) => store.atomicDelete(key, previous, options),
    transaction: (operations, options) => store.transaction(operations, options),
  }
  return new Proxy(term, {
    get: (of, property) => {
      const value: unknown = property === 'fenced' ? fenced : Reflect.get(of, property, of)
      return typeof value === 'function' ? (value.bind(of) as unknown) : value
    },
  })
}

class BelievesForEver extends Candidate {
  #led = false
  override isLeader(): boolean {
    return this.#led || super.isLeader()
  }
  override async campaign(options = {}): Promise<Term> {
    const term = await super.campaign(options)
    this.#led = true
    return term
  }
}

class WritesUnfenced extends Candidate {
  readonly #kv: Store
  constructor(...args: ConstructorParameters<typeof Candidate>) {
    super(...args)
    this.#kv = args[0]
  }
  override async campaign(options = {}): Promise<Term> {
    return unfenced(await super.campaign(options), this.#kv)
  }
}

class StaysInLine extends Candidate {
  override async stop(): Promise<void> {
    if (this.isLeader()) await super.stop()
  }
}

class TransfersToAnybody extends Candidate {
  override async transferTo(): Promise<void> {
    await this.resign()
  }
}

class AlwaysFit extends Candidate {
  constructor(store: Store, key: string, options: ConstructorParameters<typeof Candidate>[2] = {}) {
    const { health, ...rest } = options
    super(store, key, { ...rest, ...(health && { health: { ...health, check: () => true } }) })
  }
}

class ForgetsVacancies extends Follower {
  override watch(...args: Parameters<Follower['watch']>): AsyncIterable<Leader | null> {
    const leaders = super.watch(...args)
    return (async function* () {
      for await (const leader of leaders) if (leader !== null) yield leader
    })()
  }
}

const mutants: readonly (readonly [string, Partial<LeadershipRecipe>, string])[] = [
  ['believes for ever', { Candidate: BelievesForEver }, 'is known at once after the event loop'],
  [
    'believes to lead when it has stopped',
    { Candidate: BelievesForEver },
    'is stopped while it leads',
  ],
  ['stays in line', { Candidate: StaysInLine }, 'is stopped while it waits'],
  ['writes unfenced', { Candidate: WritesUnfenced }, 'are refused when the term is over'],
  [
    'writes unfenced when frozen',
    { Candidate: WritesUnfenced },
    'are refused to a leader that was',
  ],
  ['transfers to anybody', { Candidate: TransfersToAnybody }, 'hands over to whom it names'],
  ['is always fit', { Candidate: AlwaysFit }, 'makes it hand over when its check says no'],
  ['forgets vacancies', { Follower: ForgetsVacancies }, 'sees vacancies, elections'],
]

async function run(name: string, recipe: Partial<LeadershipRecipe>): Promise<void> {
  const { runner, cases } = collectingRunner()
  const target = {
    name: 'mutants',
    capabilities: memory().capabilities,
    open: (options = {}) => memory(['mutants'], options),
  }
  leadershipConformance(runner, target, { Candidate, Follower, ...recipe })
  const found = cases.find((one) => one.name.startsWith(name))
  assert.ok(found !== undefined, `there is no case '${name}'`)
  await found.run()
}

describe('the suite', () => {
  for (const [what, recipe, name] of mutants) {
    it(`finds with '${name} …' one that ${what}`, async () => {
      await run(name, {})
      const { timeout } = waits
      waits.timeout = 2_000
      try {
        await assert.rejects(run(name, recipe))
      } finally {
        waits.timeout = timeout
      }
    })
  }
})
