import type { CaseGroup, ConformanceTarget, Runner } from '../src/index.ts'

/** A case that was registered and has not run. */
export interface CollectedCase {
  readonly path: readonly string[]
  readonly name: string
  readonly isSkipped: boolean
  readonly run: () => Promise<void>
}

/** A runner that only notes what is registered with it. */
export function collectingRunner(): { readonly runner: Runner; readonly cases: CollectedCase[] } {
  const path: string[] = []
  const cases: CollectedCase[] = []
  const note =
    (isSkipped: boolean) =>
    (name: string, run: () => Promise<void>): void => {
      cases.push({ path: [...path], name, isSkipped, run })
    }
  const describe = (name: string, body: () => void): void => {
    path.push(name)
    body()
    path.pop()
  }
  return { runner: { describe, it: Object.assign(note(false), { skip: note(true) }) }, cases }
}

/** The cases of one group. */
export function casesOf(group: CaseGroup, target: ConformanceTarget): CollectedCase[] {
  const { runner, cases } = collectingRunner()
  group(runner, target)
  return cases
}
