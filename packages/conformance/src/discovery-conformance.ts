import type { DiscoveryRecipe } from './discovery-recipe.ts'
import { discoveryFindingCases } from './groups/discovery-finding.ts'
import { discoveryRegistrationCases } from './groups/discovery-registration.ts'
import { discoveryWatchCases } from './groups/discovery-watch.ts'
import type { Runner } from './runner.ts'
import { namespaced } from './target.ts'
import type { ConformanceTarget } from './target.ts'

/**
 * Registers what `@libkv/discovery` promises on every backend: every case on a plain store, and once more on a store with a
 * namespace.
 *
 * @example
 * import { Discovery } from '@libkv/discovery'
 * discoveryConformance({ describe, it }, target, { Discovery })
 */
export function discoveryConformance(
  runner: Runner,
  target: ConformanceTarget,
  recipe: DiscoveryRecipe,
): void {
  const groups = [discoveryRegistrationCases, discoveryWatchCases, discoveryFindingCases]
  runner.describe(target.name, () => {
    runner.describe('discovery, plain', () => {
      for (const cases of groups) cases(recipe)(runner, target)
    })
    runner.describe('discovery, namespaced', () => {
      const within = namespaced(target)
      for (const cases of groups) cases(recipe)(runner, within)
    })
  })
}
