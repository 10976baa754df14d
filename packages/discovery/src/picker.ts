import { compareKeys } from '@libkv/core'
import type { Runtime } from '@libkv/core'
import type { Instance } from './instance.ts'

/** How `resolve()` chooses: one after the other, or any. */
export type Strategy = 'round-robin' | 'random'

/** When an instance that callers report as broken is left out. */
export interface BrokenPolicy {
  /** So many reports take it out. */
  readonly reports: number
  /** Within this time, and for this time after the last one, in milliseconds. */
  readonly period: number
}

/** What there is to choose from. */
export interface Candidate {
  readonly key: string
  readonly instance: Instance
  readonly registration: string | undefined
}

interface Reports {
  readonly registration: string | undefined
  readonly times: readonly number[]
}

/** Chooses among the instances of one service, and remembers which of them callers reported as broken. */
export class Picker {
  readonly #policy: BrokenPolicy
  readonly #runtime: Runtime
  readonly #reports = new Map<string, Reports>()
  #last: string | undefined

  constructor(policy: BrokenPolicy, runtime: Runtime) {
    this.#policy = policy
    this.#runtime = runtime
  }

  /** One of those that are not broken, of all of them when all are. They come in the order of their keys. */
  pick<C extends Candidate>(candidates: readonly C[], strategy: Strategy): C | undefined {
    const sound = this.#reports.size === 0 ? candidates : this.#sound(candidates)
    const choice = sound.length > 0 ? sound : candidates
    if (strategy === 'random') return choice[Math.floor(this.#runtime.random() * choice.length)]
    const last = this.#last
    const next =
      last === undefined ? undefined : choice.find(({ key }) => compareKeys(key, last) > 0)
    const picked = next ?? choice[0]
    this.#last = picked?.key
    return picked
  }

  /** An instance that registers anew begins without reports. */
  report({ key, registration }: Candidate): void {
    const times = [...this.#recent(key, registration), this.#runtime.now()]
    this.#reports.set(key, { registration, times: times.slice(-this.#policy.reports) })
  }

  #sound<C extends Candidate>(candidates: readonly C[]): readonly C[] {
    const keys = new Set(candidates.map(({ key }) => key))
    for (const key of this.#reports.keys()) if (!keys.has(key)) this.#reports.delete(key)
    return candidates.filter(
      ({ key, registration }) => this.#recent(key, registration).length < this.#policy.reports,
    )
  }

  #recent(key: string, registration: string | undefined): readonly number[] {
    const reports = this.#reports.get(key)
    if (reports === undefined || reports.registration !== registration) return []
    const since = this.#runtime.now() - this.#policy.period
    return reports.times.filter((time) => time > since)
  }
}
