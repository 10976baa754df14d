import assert from 'node:assert/strict'
import { Election, inBackground } from '../election.ts'
import { group, withoutReservedKeys } from '../group.ts'
import type { CaseGroup } from '../group.ts'
import type {
  LeadershipRecipe,
  TestedFollower,
  TestedLeader,
  TestedTerm,
} from '../leadership-recipe.ts'
import { refusal, rejection } from '../refusal.ts'
import { atMost, isPending, waitFor, within } from '../wait-for.ts'

/** What a follower has been shown, in order. */
class Shown {
  readonly leaders: (TestedLeader | null)[] = []
  error: unknown
  readonly ended: Promise<void>
  readonly #controller = new AbortController()

  constructor(follower: TestedFollower) {
    this.ended = this.#follow(follower.watch({ signal: this.#controller.signal }))
  }

  get ids(): (string | null)[] {
    return this.leaders.map((leader) => leader?.id ?? null)
  }

  /** Waits until this is the latest. */
  async has(id: string | null): Promise<void> {
    await waitFor(`the follower sees ${String(id)}`, () => this.ids.at(-1) === id)
  }

  async stop(): Promise<void> {
    this.#controller.abort(new Error('seen enough'))
    await this.ended
  }

  async #follow(leaders: AsyncIterable<TestedLeader | null>): Promise<void> {
    try {
      for await (const leader of leaders) this.leaders.push(leader)
    } catch (error) {
      this.error = error
    }
  }
}

export const leadershipFollowerCases = (recipe: LeadershipRecipe): CaseGroup =>
  group(
    'a follower',
    ({ it }) => {
      it('sees vacancies, elections, and vacancies again', async (h) => {
        const election = new Election(h, recipe)
        assert.equal(await election.follower.leader(), null)
        const shown = new Shown(election.follower)
        await shown.has(null)
        const { candidate: a, term } = await election.leader('a', { value: 'first' })
        await shown.has('a')
        assert.equal(shown.leaders.at(-1)?.text(), 'first')
        assert.equal(shown.leaders.at(-1)?.token, term.token)
        await a.stop()
        await shown.has(null)
        await election.leader('b')
        await shown.has('b')
        assert.deepEqual(shown.ids, [null, 'a', null, 'b'])
        await shown.stop()
        assert.equal((shown.error as Error).message, 'seen enough')
      })

      it('sees the leader together with its value, never one without the other', async (h) => {
        const election = new Election(h, recipe)
        const shown = new Shown(election.follower)
        const a = await election.candidate('a', { value: 'of a' })
        const b = await election.candidate('b', { value: 'of b' })
        for (let i = 0; i < 5; i++) {
          for (const candidate of [a, b]) {
            await within('the election', candidate.campaign())
            // A watch may pass over what does not last.
            if (i === 4) await shown.has(candidate.id)
            await candidate.resign()
          }
        }
        for (const leader of shown.leaders) {
          if (leader !== null) assert.equal(leader.text(), `of ${leader.id}`)
        }
        await shown.stop()
      })

      it('never sees an older leader after a newer one', async (h) => {
        const election = new Election(h, recipe)
        const shown = new Shown(election.follower)
        const candidates = await Promise.all(['a', 'b', 'c'].map((id) => election.candidate(id)))
        let turns = 0
        // A watch may pass over what does not last.
        const work = async ({ id }: TestedTerm): Promise<void> => {
          if (++turns % 10 === 0) await shown.has(id)
        }
        const running = candidates.map((candidate) => inBackground(candidate.run(work)))
        await waitFor('there were many leaders', () => turns > 20)
        await Promise.all(candidates.map((candidate) => candidate.stop()))
        await within('the end', Promise.all(running))
        await shown.has(null)
        const tokens = shown.leaders.flatMap((leader) => (leader === null ? [] : [leader.token]))
        assert.ok(tokens.length > 0)
        assert.deepEqual(
          tokens,
          [...tokens].sort((a, b) => (a < b ? -1 : 1)),
        )
        await shown.stop()
      })

      it('sees another value of the same leader', async (h) => {
        const election = new Election(h, recipe)
        const { term } = await election.leader('a', { value: 'one' })
        const shown = new Shown(election.follower)
        await shown.has('a')
        await term.update('two')
        await waitFor('it is seen', () => shown.leaders.at(-1)?.text() === 'two')
        assert.deepEqual(
          shown.leaders.map((leader) => leader?.token),
          [term.token, term.token],
        )
        assert.equal(term.isCurrent(), true)
        await shown.stop()
      })

      it('sees who takes over from who has crashed', async (h) => {
        const election = new Election(h, recipe)
        const { store, runtime } = await h.openFreezable()
        const frozen = election.candidateOn(store, 'frozen', { ttl: h.steadyTtl, runtime })
        await within('the election', frozen.campaign())
        const shown = new Shown(election.follower)
        await shown.has('frozen')
        const { elected } = await election.waiter('b')
        runtime.freeze()
        await atMost(h.takeover(h.steadyTtl) + 1_000, 'the take-over', () => elected)
        await shown.has('b')
        await shown.stop()
      })

      it('lists who leads and who waits, in order, with their values', async (h) => {
        const election = new Election(h, recipe)
        assert.deepEqual(await election.follower.candidates(), [])
        await election.leader('a', { value: '1' })
        await election.waiter('b', { value: '2' })
        await election.waiter('c', { value: '3' })
        const candidates = await election.follower.candidates()
        assert.deepEqual(
          candidates.map((one) => [one.id, one.text()]),
          [
            ['a', '1'],
            ['b', '2'],
            ['c', '3'],
          ],
        )
      })

      it('takes what was not written by a candidate to be a name', async (h) => {
        const election = new Election(h, recipe)
        for (const text of ['node-1', '{"name":"x"}\nvalue', '', '{"id":7}\n']) {
          await h.kv.put(election.key, text)
          const leader = await election.follower.leader()
          assert.equal(leader?.id, text)
          assert.equal(leader.text(), '')
        }
      })

      it('is left by break, and ended by the end of its store', async (h) => {
        const election = new Election(h, recipe)
        await election.leader('a')
        for await (const leader of election.follower.watch()) {
          assert.equal(leader?.id, 'a')
          break
        }
        const store = await h.open()
        const shown = new Shown(new recipe.Follower(store, election.key))
        await shown.has('a')
        assert.equal(await isPending(shown.ended, () => h.kv.get(h.key())), true)
        await store.close()
        await within('the end', shown.ended)
        assert.equal(shown.error, undefined)
        await refusal(() => new recipe.Follower(store, election.key).watch(), 'CLOSED')
      })

      it('is let go at once when it is left while nothing happens', async (h) => {
        const watch = new Election(h, recipe).follower.watch()[Symbol.asyncIterator]()
        assert.equal((await within('the first state', watch.next())).value, null)
        const pending = watch.next()
        await within('the return', Promise.resolve(watch.return?.()))
        assert.equal((await within('the end', pending)).done, true)
        const reason = new Error('enough')
        const { follower } = new Election(h, recipe)
        const aborted = follower.watch({ signal: AbortSignal.abort(reason) })
        assert.equal(await rejection(() => aborted[Symbol.asyncIterator]().next()), reason)
      })
    },
    withoutReservedKeys,
    { together: true },
  )
