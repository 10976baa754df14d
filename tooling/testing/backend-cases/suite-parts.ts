import { describe, it } from '@jest/globals'
import type { Runner } from '@libkv/conformance'

/** Which groups of a conformance suite a test file runs, by the mode (plain or namespaced) and the title of the group. */
export type SuitePart = (mode: string, group: string) => boolean

/** What `npm test` runs: every case once, on a plain store, but for the groups that take long. */
export const quick: SuitePart = (mode, group) =>
  mode.endsWith('plain') && group !== 'a crowd of candidates'

/** The rest, which `.ci/run` adds. */
export const heavy: SuitePart = (mode, group) => !quick(mode, group)

/** Every case once on each backend, for recipes, to which a namespace is nothing but a prefix of their keys. */
export const namespaced: SuitePart = (mode) => mode.endsWith('namespaced')

/** All of it, for servers that `npm test` does not start. */
export const whole: SuitePart = () => true

/** Jest, as a suite takes it, with the groups of that part alone. A suite nests target, mode and group. */
export function runnerOf(part: SuitePart): Runner {
  const above: string[] = []
  return {
    it,
    describe: (title, body) => {
      const [, mode] = above
      if (mode !== undefined && !part(mode, title)) return
      describe(title, () => {
        above.push(title)
        body()
        above.pop()
      })
    },
  }
}
