import assert from 'node:assert/strict'
import { Election, eventsOf, inBackground, isOver } from '../election.ts'
import { group, withoutReservedKeys } from '../group.ts'
import type { CaseGroup } from '../group.ts'
import type { LeadershipRecipe } from '../leadership-recipe.ts'
import { refusal } from '../refusal.ts'
import { waitFor, within } from '../wait-for.ts'

/** A health check that says what the case wants it to. */
class Patient {
  answer: () => boolean | Promise<boolean> = () => true
  checks = 0
  readonly health = {
    interval: 20,
    timeout: 100,
    check: (): boolean | Promise<boolean> => {
      this.checks++
      return this.answer()
    },
  }
}

const illnesses: readonly (readonly [string, () => boolean | Promise<boolean>])[] = [
  ['says no', () => false],
  ['throws', () => assert.fail('from the check')],
  ['rejects', () => Promise.reject(new Error('from the check'))],
  ['does not answer', () => new Promise(() => undefined)],
]

export const leadershipHealthCases = (recipe: LeadershipRecipe): CaseGroup =>
  group(
    'the health of a candidate',
    ({ it }) => {
      for (const [what, illness] of illnesses) {
        it(`makes it hand over when its check ${what}, and stand again when it is fit`, async (h) => {
          const election = new Election(h, recipe)
          const patient = new Patient()
          const a = await election.candidate('a', { health: patient.health })
          const running = inBackground(a.run(isOver))
          await election.isLed('a')
          const { candidate: b, elected } = await election.waiter('b')
          patient.answer = illness
          await within('the election', elected)
          assert.equal(a.isLeader(), false)
          await election.isLine('b')
          patient.answer = () => true
          await election.isLine('b', 'a')
          await b.resign()
          await election.isLed('a')
          await a.stop()
          await within('the end', running)
        })
      }

      it('keeps it from standing as long as it is unfit', async (h) => {
        const election = new Election(h, recipe)
        const patient = new Patient()
        patient.answer = () => false
        const a = await election.candidate('a', { health: patient.health })
        const elected = inBackground(a.campaign())
        await waitFor('it was asked often', () => patient.checks > 5)
        await election.isVacant()
        patient.answer = () => true
        await within('the election', elected)
      })

      it('takes it out of the line', async (h) => {
        const election = new Election(h, recipe)
        const { candidate: a } = await election.leader('a')
        const patient = new Patient()
        const { elected } = await election.waiter('b', { health: patient.health })
        patient.answer = () => false
        await election.isLine('a')
        patient.answer = () => true
        await election.isLine('a', 'b')
        await a.resign()
        await within('the election', elected)
      })

      it('is asked no more after the stop', async (h) => {
        const election = new Election(h, recipe)
        const patient = new Patient()
        const { candidate } = await election.leader('a', { health: patient.health })
        await waitFor('it was asked', () => patient.checks > 2)
        await candidate.stop()
        const { checks } = patient
        const other = new Patient()
        await election.leader('b', { health: other.health })
        await waitFor('some time has passed', () => other.checks > 5)
        assert.equal(patient.checks, checks)
      })

      it('is told why it was found unfit', async (h) => {
        const election = new Election(h, recipe)
        const patient = new Patient()
        const candidate = await election.candidate('a', { health: patient.health })
        const events = eventsOf(candidate)
        await within('the election', candidate.campaign())
        patient.answer = () => Promise.reject(new Error('the disk is full'))
        await waitFor('it has resigned', () => events.includes('resigned'))
        assert.deepEqual(events.slice(0, 3), ['elected', 'error', 'resigned'])
      })

      it('is asked at sensible times only', async (h) => {
        const check = (): boolean => true
        for (const health of [
          { check, interval: 0 },
          { check, interval: Infinity },
          { check, timeout: -1 },
          { check, timeout: Number.NaN },
        ]) {
          await refusal(() => new recipe.Candidate(h.kv, h.key(), { health }), 'INVALID_OPTION')
        }
      })
    },
    withoutReservedKeys,
    { together: true },
  )
