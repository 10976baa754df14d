import { Harness } from './harness.ts'
import type { Runner } from './runner.ts'
import type { ConformanceTarget } from './target.ts'

/** Registers the cases of one group with a runner. */
export type CaseGroup = (runner: Runner, target: ConformanceTarget) => void

/** What a group is defined with. */
export interface Suite {
  readonly target: ConformanceTarget
  /** Registers a case; with a reason to skip it, it is registered as skipped, with the reason in its name. */
  readonly it: (name: string, body: (harness: Harness) => Promise<void>, skip?: string) => void
}

/** Why a case or a group does not apply to a target; undefined where it does. */
export type SkipRule = (target: ConformanceTarget) => string | undefined

/** How the cases of a group are run. */
export interface GroupOptions {
  /** The cases mostly wait for time to pass: all of them start with the first, and each is reported in its turn. */
  readonly together?: boolean
}

/** Makes a group of cases, each with a harness of its own. */
export function group(
  title: string,
  define: (suite: Suite) => void,
  skipAll?: SkipRule,
  { together = false }: GroupOptions = {},
): CaseGroup {
  return ({ describe, it }, target) => {
    const waiting: (() => Promise<void>)[] = []
    const register: Suite['it'] = (name, body, skip) => {
      const reason = skipAll?.(target) ?? skip
      if (reason === undefined) {
        const run = (): Promise<void> => runCase(target, body)
        if (!together) {
          it(name, run)
          return
        }
        const result = once(run)
        waiting.push(result)
        it(name, () => {
          for (const start of waiting) start().catch(() => undefined)
          return result()
        })
        return
      }
      const registerSkipped = it.skip ?? it
      registerSkipped(`${name} (skipped: ${reason})`, () => Promise.resolve())
    }
    describe(title, () => {
      define({ target, it: register })
    })
  }
}

function once(work: () => Promise<void>): () => Promise<void> {
  let result: Promise<void> | undefined
  return () => (result ??= work())
}

async function runCase(
  target: ConformanceTarget,
  body: (harness: Harness) => Promise<void>,
): Promise<void> {
  await using harness = await Harness.open(target)
  await body(harness)
}

export const withoutTransactions: SkipRule = ({ capabilities }) =>
  capabilities.transactions ? undefined : 'capabilities.transactions is false'

export const withoutDescendants: SkipRule = ({ capabilities }) =>
  capabilities.sessionKeysMayHaveDescendants
    ? undefined
    : 'capabilities.sessionKeysMayHaveDescendants is false'

/** The keys of a lock's queue start with the reserved segment, outside any prefix but inside a namespace. */
export const withoutReservedKeys: SkipRule = ({ prefix }) =>
  prefix === undefined ? undefined : "the target's prefix leaves out the library's own keys"

export const withoutRoot: SkipRule = ({ prefix }) =>
  prefix === undefined ? undefined : "the target's prefix leaves out the whole store"
