import assert from 'node:assert/strict'
import { isLibkvError } from '@libkv/core'
import { Election, eventsOf, inBackground, isOver } from '../election.ts'
import { group, withoutReservedKeys } from '../group.ts'
import type { CaseGroup } from '../group.ts'
import type { LeadershipRecipe, TestedTerm } from '../leadership-recipe.ts'
import { atMost, waitFor, within } from '../wait-for.ts'

export const leadershipLossCases = (recipe: LeadershipRecipe): CaseGroup =>
  group(
    'the loss of leadership',
    ({ it }) => {
      it('ends the term when the key is deleted', async (h) => {
        const election = new Election(h, recipe)
        const { candidate, term } = await election.leader('a')
        await h.kv.delete(election.key)
        await within('the end of the term', isOver(term))
        assert.ok(isLibkvError(term.signal.reason, 'LOCK_LOST'))
        assert.equal(candidate.isLeader(), false)
        await candidate.resign()
        await within('the election', candidate.campaign())
      })

      it('ends the work, which is done again when it leads again', async (h) => {
        const election = new Election(h, recipe)
        const candidate = await election.candidate('a')
        const events = eventsOf(candidate)
        const terms: TestedTerm[] = []
        const running = inBackground(
          candidate.run(async (term) => {
            terms.push(term)
            await isOver(term)
          }),
        )
        for (const turn of [1, 2, 3]) {
          await waitFor('it works', () => terms.length === turn)
          await h.kv.delete(election.key)
        }
        await waitFor('it works', () => terms.length === 4)
        assert.ok(isLibkvError(terms[0]?.signal.reason, 'LOCK_LOST'))
        assert.deepEqual(
          events.filter((event) => event === 'lost'),
          ['lost', 'lost', 'lost'],
        )
        await candidate.stop()
        await within('the end', running)
      })

      it('comes with the end of the store', async (h) => {
        const election = new Election(h, recipe)
        const store = await h.open()
        const candidate = election.candidateOn(store, 'a')
        const term = await within('the election', candidate.campaign())
        await store.close()
        assert.equal(candidate.isLeader(), false)
        assert.equal(term.signal.aborted, true)
        await election.isVacant()
      })

      it('is known before another one leads, when the process was frozen', async (h) => {
        const election = new Election(h, recipe)
        const { store, runtime } = await h.openFreezable()
        const frozen = election.candidateOn(store, 'frozen', { ttl: h.steadyTtl, runtime })
        const term = await within('the election', frozen.campaign())
        const { candidate, elected } = await election.waiter('b')
        runtime.freeze()
        const next = await atMost(h.takeover(h.steadyTtl) + 1_000, 'the take-over', () => elected)
        assert.equal(frozen.isLeader(), false, 'two lead at once')
        assert.equal(candidate.isLeader(), true)
        assert.equal(term.isCurrent(), false)
        assert.equal(term.signal.aborted, true)
        assert.ok(next.token > term.token)
      })

      it('is known at once after the event loop was blocked', async (h) => {
        const election = new Election(h, recipe)
        const { store, runtime } = await h.openFreezable()
        const candidate = election.candidateOn(store, 'a', { ttl: h.steadyTtl, runtime })
        const term = await within('the election', candidate.campaign())
        runtime.leap(h.steadyTtl * 3)
        assert.equal(candidate.isLeader(), false)
        assert.equal(candidate.term, undefined)
        assert.equal(term.signal.aborted, true)
      })

      it('is not brought about by the wall clock', async (h) => {
        const election = new Election(h, recipe)
        const { store, runtime } = await h.openFreezable()
        const candidate = election.candidateOn(store, 'a', { runtime })
        await within('the election', candidate.campaign())
        for (const jump of [24 * 3_600_000, -48 * 3_600_000]) {
          runtime.setWallClock(jump)
          assert.equal(candidate.isLeader(), true)
        }
        assert.equal((await election.follower.leader())?.id, 'a')
      })

      it('cannot be overwritten by who was frozen', async (h) => {
        const election = new Election(h, recipe)
        const { store, runtime } = await h.openFreezable()
        const frozen = election.candidateOn(store, 'frozen', { ttl: h.steadyTtl, runtime })
        const term = await within('the election', frozen.campaign())
        const { elected } = await election.waiter('b')
        runtime.freeze()
        await atMost(h.takeover(h.steadyTtl) + 1_000, 'the take-over', () => elected)
        runtime.thaw()
        await term.update('still me').then(
          () => assert.fail('it led no more'),
          (error: unknown) => assert.ok(isLibkvError(error, 'LOCK_LOST'), String(error)),
        )
        assert.equal((await election.follower.leader())?.id, 'b')
      })
    },
    withoutReservedKeys,
    { together: true },
  )
