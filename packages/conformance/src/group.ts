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

/** Makes a group of cases, each with a harness of its own. */
export function group(
  title: string,
  define: (suite: Suite) => void,
  skipAll?: SkipRule,
): CaseGroup {
  return ({ describe, it }, target) => {
    const register: Suite['it'] = (name, body, skip) => {
      const reason = skipAll?.(target) ?? skip
      if (reason === undefined) {
        it(name, () => runCase(target, body))
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

/** Locks have keys of the library's own under the first segment `.libkv`, outside any prefix but inside a namespace. */
export const withoutReservedKeys: SkipRule = ({ prefix }) =>
  prefix === undefined ? undefined : "the target's prefix leaves out the library's own keys"

export const withoutRoot: SkipRule = ({ prefix }) =>
  prefix === undefined ? undefined : "the target's prefix leaves out the whole store"
