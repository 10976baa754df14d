import assert from 'node:assert/strict'
import { Election } from '../election.ts'
import { group, withoutReservedKeys } from '../group.ts'
import type { CaseGroup } from '../group.ts'
import type { LeadershipRecipe } from '../leadership-recipe.ts'
import { waitFor, waits, within } from '../wait-for.ts'

/** So many that each of them must cost the same, and few enough for a busy machine to elect all within the limits. */
const CROWD = 200
const STORES = 10
/** All of them enter at once, which takes a busy machine long. */
const patient = { requestTimeout: 60_000, connectionTimeout: 30_000 }

export const leadershipCrowdCases = (recipe: LeadershipRecipe): CaseGroup =>
  group(
    'a crowd of candidates',
    ({ it }) => {
      it(`of ${String(CROWD)} leads one after the other, in the order of their coming`, async (h) => {
        const election = new Election(h, recipe)
        const stores = await Promise.all(Array.from({ length: STORES }, () => h.open(patient)))
        const follower = election.followerOn(await h.open(patient))
        const { candidate: first, term } = await election.leader('first', { ttl: 60_000 })
        const led: string[] = []
        const tokens = [term.token]
        let leading = 0
        const turns = Array.from({ length: CROWD }, async (_, i) => {
          const store = stores[i % STORES] ?? h.kv
          const candidate = election.candidateOn(store, String(i), { ttl: 60_000 })
          const { token } = await candidate.campaign()
          assert.equal(++leading, 1, 'two lead at once')
          assert.equal(candidate.isLeader(), true)
          led.push(candidate.id)
          tokens.push(token)
          leading--
          await candidate.stop()
        })
        const all = Promise.all(turns)
        all.catch(() => undefined)
        await waitFor(
          'all are in line',
          async () => (await election.names(follower)).length === CROWD + 1,
          3 * waits.timeout,
        )
        const [, ...order] = await election.names(follower)
        await first.stop()
        await within('all terms', all, 3 * waits.timeout)
        assert.deepEqual(led, order)
        assert.ok(tokens.every((token, i) => i === 0 || token > (tokens[i - 1] ?? token)))
        await election.isVacant()
      })
    },
    withoutReservedKeys,
  )
