import assert from 'node:assert/strict'
import { Election, eventsOf, inBackground, isOver } from '../election.ts'
import { group, withoutReservedKeys } from '../group.ts'
import type { CaseGroup } from '../group.ts'
import type { LeadershipRecipe, TestedTerm } from '../leadership-recipe.ts'
import { rejection } from '../refusal.ts'
import { isPending, waitFor, within } from '../wait-for.ts'

export const leadershipRunCases = (recipe: LeadershipRecipe): CaseGroup =>
  group(
    'the run of a candidate',
    ({ it }) => {
      it('does its work whenever it leads', async (h) => {
        const election = new Election(h, recipe)
        const a = await election.candidate('a')
        const b = await election.candidate('b')
        const done: string[] = []
        const tokens: bigint[] = []
        const work = async (term: TestedTerm): Promise<void> => {
          done.push(term.id)
          tokens.push(term.token)
          assert.equal(term.isCurrent(), true)
          await h.kv.get(h.key())
        }
        const running = [a, b].map((candidate) => inBackground(candidate.run(work)))
        await waitFor('both had some turns', () => done.filter((id) => id === 'b').length > 2)
        await Promise.all([a.stop(), b.stop()])
        await within('the end', Promise.all(running))
        assert.ok(done.filter((id) => id === 'a').length > 1)
        assert.ok(tokens.every((token, i) => i === 0 || token > (tokens[i - 1] ?? token)))
        await election.isVacant()
      })

      it('lets its work be done by one at a time', async (h) => {
        const election = new Election(h, recipe)
        let working = 0
        let turns = 0
        const work = async (): Promise<void> => {
          assert.equal(++working, 1, 'two work at once')
          await h.kv.get(h.key())
          working--
          turns++
        }
        const candidates = await Promise.all(['a', 'b', 'c'].map((id) => election.candidate(id)))
        const running = candidates.map((candidate) => inBackground(candidate.run(work)))
        await waitFor('there were some turns', () => turns >= 9)
        await Promise.all(candidates.map((candidate) => candidate.stop()))
        await within('the end', Promise.all(running))
      })

      it('tells its work to end by its signal, and hands over when it has', async (h) => {
        const election = new Election(h, recipe)
        const a = await election.candidate('a')
        const controller = new AbortController()
        const reason = new Error('shutting down')
        let finish: (() => void) | undefined
        let term: TestedTerm | undefined
        const running = inBackground(
          a.run(
            async (current) => {
              term = current
              await isOver(current)
              await new Promise<void>((resolve) => (finish = resolve))
            },
            { signal: controller.signal },
          ),
        )
        await election.isLed('a')
        const { elected } = await election.waiter('b')
        await waitFor('it works', () => term !== undefined)
        controller.abort(reason)
        await waitFor('the work was told', () => finish !== undefined)
        assert.equal(term?.signal.reason, reason)
        assert.equal(a.isLeader(), false)
        assert.equal(await isPending(elected, () => h.kv.get(h.key())), true)
        // What the work still has to write is under the protection of its term.
        await term.fenced.put(h.key('last'), 'words')
        finish?.()
        await within('the election', elected)
        await within('the end', running)
      })

      it('resolves by its signal while it waits', async (h) => {
        const election = new Election(h, recipe)
        await election.leader('a')
        const b = await election.candidate('b')
        const controller = new AbortController()
        const running = inBackground(
          b.run(() => assert.fail('it is not its turn'), {
            signal: controller.signal,
          }),
        )
        await election.isLine('a', 'b')
        controller.abort('enough')
        await within('the end', running)
        await election.isLine('a')
      })

      it('hands over at once when it is stopped, and resolves when its work has ended', async (h) => {
        const election = new Election(h, recipe)
        const a = await election.candidate('a')
        let finish: (() => void) | undefined
        const running = inBackground(a.run(() => new Promise((resolve) => (finish = resolve))))
        await election.isLed('a')
        const { elected } = await election.waiter('b')
        await waitFor('it works', () => finish !== undefined)
        await a.stop()
        await within('the election', elected)
        assert.equal(await isPending(running, () => h.kv.get(h.key())), true)
        finish?.()
        await within('the end', running)
      })

      it('may be stopped by its own work', async (h) => {
        const election = new Election(h, recipe)
        const candidate = await election.candidate('a')
        await within(
          'the end',
          candidate.run(async () => {
            await candidate.stop()
          }),
        )
        await election.isVacant()
      })

      it('campaigns again, at the end of the line, when it has resigned', async (h) => {
        const election = new Election(h, recipe)
        const a = await election.candidate('a')
        let works = 0
        const running = inBackground(
          a.run(async (term) => {
            works++
            await isOver(term)
          }),
        )
        await election.isLed('a')
        const { candidate: b, elected } = await election.waiter('b')
        await a.resign()
        await within('the election', elected)
        await election.isLine('b', 'a')
        await b.resign()
        await waitFor('it works again', () => works === 2)
        await a.stop()
        await within('the end', running)
      })

      it('passes on what its work throws, and hands over', async (h) => {
        const election = new Election(h, recipe)
        const a = await election.candidate('a')
        const error = new Error('from the work')
        const running = inBackground(a.run(() => Promise.reject(error)))
        assert.equal(await rejection(running), error)
        assert.equal(a.isLeader(), false)
        await election.isVacant()
        const again = a.run(() => {
          throw error
        })
        assert.equal(await rejection(again), error)
        await election.isVacant()
      })

      it('goes on when its work throws because the term is over', async (h) => {
        const election = new Election(h, recipe)
        const a = await election.candidate('a')
        const events = eventsOf(a)
        let works = 0
        const running = inBackground(
          a.run(async (term) => {
            works++
            await isOver(term)
            if (works === 1) term.signal.throwIfAborted()
            if (works === 2) throw new Error('the request was aborted')
          }),
        )
        for (const turn of [1, 2]) {
          await waitFor('it works', () => works === turn)
          await a.resign()
        }
        await waitFor('it works again', () => works === 3)
        assert.deepEqual(
          events.filter((event) => event === 'error'),
          ['error'],
        )
        await a.stop()
        await within('the end', running)
      })
    },
    withoutReservedKeys,
  )
