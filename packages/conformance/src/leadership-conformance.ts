import { leadershipCampaignCases } from './groups/leadership-campaign.ts'
import { leadershipCrowdCases } from './groups/leadership-crowd.ts'
import { leadershipFencingCases } from './groups/leadership-fencing.ts'
import { leadershipFollowerCases } from './groups/leadership-follower.ts'
import { leadershipHealthCases } from './groups/leadership-health.ts'
import { leadershipLossCases } from './groups/leadership-loss.ts'
import { leadershipRunCases } from './groups/leadership-run.ts'
import type { LeadershipRecipe } from './leadership-recipe.ts'
import type { Runner } from './runner.ts'
import { namespaced } from './target.ts'
import type { ConformanceTarget } from './target.ts'

/**
 * Registers what `@libkv/leadership` promises on every backend: every case on a plain store, and once more on a store with a
 * namespace.
 *
 * @example
 * import { Candidate, Follower } from '@libkv/leadership'
 * leadershipConformance({ describe, it }, target, { Candidate, Follower })
 */
export function leadershipConformance(
  runner: Runner,
  target: ConformanceTarget,
  recipe: LeadershipRecipe,
): void {
  const groups = [
    leadershipCampaignCases,
    leadershipRunCases,
    leadershipLossCases,
    leadershipFollowerCases,
    leadershipFencingCases,
    leadershipHealthCases,
    leadershipCrowdCases,
  ]
  runner.describe(target.name, () => {
    runner.describe('leadership, plain', () => {
      for (const cases of groups) cases(recipe)(runner, target)
    })
    runner.describe('leadership, namespaced', () => {
      const within = namespaced(target)
      for (const cases of groups) cases(recipe)(runner, within)
    })
  })
}
