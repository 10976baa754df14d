import assert from 'node:assert/strict'
import { isLibkvError } from '@libkv/core'
import { noise, sameBytes } from '../bytes.ts'
import { Election, eventsOf, inBackground } from '../election.ts'
import { group, withoutReservedKeys } from '../group.ts'
import type { CaseGroup } from '../group.ts'
import type { LeadershipRecipe } from '../leadership-recipe.ts'
import { misuse, refusal, rejection } from '../refusal.ts'
import { isPending, waitFor, within } from '../wait-for.ts'

export const leadershipCampaignCases = (recipe: LeadershipRecipe): CaseGroup =>
  group(
    'a candidate',
    ({ it, target }) => {
      it('leads when it is alone', async (h) => {
        const election = new Election(h, recipe)
        const candidate = await election.candidate('a', { value: '10.0.0.1:80' })
        assert.equal(candidate.isLeader(), false)
        assert.equal(candidate.term, undefined)
        assert.equal(candidate.token, undefined)
        const term = await within('the election', candidate.campaign())
        assert.equal(candidate.isLeader(), true)
        assert.equal(candidate.term, term)
        assert.equal(candidate.token, term.token)
        assert.equal(term.id, 'a')
        assert.equal(term.isCurrent(), true)
        assert.equal(term.signal.aborted, false)
        const leader = await election.follower.leader()
        assert.equal(leader?.id, 'a')
        assert.equal(leader.text(), '10.0.0.1:80')
        assert.equal(leader.token, term.token)
      })

      it('has an id of its own when it was given none', async (h) => {
        const ids = ['a', 'b'].map(() => new recipe.Candidate(h.kv, h.key()).id)
        assert.equal(new Set(ids).size, 2)
        assert.ok(ids.every((id) => id.length > 8))
      })

      it('may have any id and any value', async (h) => {
        const election = new Election(h, recipe)
        const id = 'né"\n{😀}/\u0000'
        const value = noise(1_000)
        await election.leader(id, { value })
        const leader = await election.follower.leader()
        assert.equal(leader?.id, id)
        sameBytes(leader.value, value)
      })

      it('is refused without an id, on a bad key, with a bad time to live', async (h) => {
        const { Candidate, Follower } = recipe
        await refusal(() => new Candidate(h.kv, h.key(), { id: '' }), 'INVALID_OPTION')
        await refusal(() => new Candidate(h.kv, 'a//b'), 'INVALID_KEY')
        await refusal(() => new Follower(h.kv, 'a//b'), 'INVALID_KEY')
        await refusal(() => new Candidate(h.kv, h.key(), { ttl: 0 }), 'INVALID_OPTION')
      })

      it('waits while another one leads', async (h) => {
        const election = new Election(h, recipe)
        const { candidate: a, term } = await election.leader('a')
        const { candidate: b, elected } = await election.waiter('b')
        assert.equal(await isPending(elected, () => h.kv.get(h.key())), true)
        assert.equal(b.isLeader(), false)
        await a.resign()
        assert.equal(a.isLeader(), false)
        const next = await within('the election', elected)
        assert.equal(b.isLeader(), true)
        assert.ok(next.token > term.token)
        assert.equal((await election.follower.leader())?.id, 'b')
      })

      it('is told that its term is over when it resigns', async (h) => {
        const { candidate, term } = await new Election(h, recipe).leader('a')
        const { signal } = term
        const resigning = candidate.resign()
        assert.equal(signal.aborted, true)
        assert.equal(candidate.isLeader(), false)
        assert.equal(term.isCurrent(), false)
        assert.ok(isLibkvError(signal.reason, 'CLOSED'))
        await resigning
        assert.equal(candidate.term, undefined)
      })

      it('resigns any number of times, and without leading', async (h) => {
        const election = new Election(h, recipe)
        const { candidate: a } = await election.leader('a')
        await Promise.all([a.resign(), a.resign()])
        await a.resign()
        const b = await election.candidate('b')
        await b.resign()
        assert.equal(b.isLeader(), false)
        await election.isVacant()
      })

      it('goes to the end of the line when it has resigned', async (h) => {
        const election = new Election(h, recipe)
        const { candidate: a } = await election.leader('a')
        const { elected: b } = await election.waiter('b')
        const { elected: c } = await election.waiter('c')
        await a.resign()
        const again = inBackground(a.campaign())
        await within('the election', b)
        await election.isLine('b', 'c', 'a')
        assert.equal(await isPending(Promise.race([c, again]), () => h.kv.get(h.key())), true)
      })

      it('leads again and again, with a greater token each time', async (h) => {
        const candidate = await new Election(h, recipe).candidate('a')
        const tokens: bigint[] = []
        for (let i = 0; i < 4; i++) {
          tokens.push((await within('the election', candidate.campaign())).token)
          await candidate.resign()
        }
        assert.ok(tokens.every((token, i) => i === 0 || token > (tokens[i - 1] ?? token)))
      })

      it('may not campaign twice, nor when it leads', async (h) => {
        const election = new Election(h, recipe)
        const { candidate: a } = await election.leader('a')
        await misuse(a.campaign())
        await misuse(a.run(() => undefined))
        const { candidate: b, elected } = await election.waiter('b')
        await misuse(b.campaign())
        await a.resign()
        await within('the election', elected)
      })

      it('gives up with the reason of its signal, and leaves the line', async (h) => {
        const election = new Election(h, recipe)
        await election.leader('a')
        const b = await election.candidate('b')
        const controller = new AbortController()
        const campaigning = inBackground(b.campaign({ signal: controller.signal }))
        await election.isLine('a', 'b')
        const reason = new Error('enough')
        controller.abort(reason)
        assert.equal(await rejection(campaigning), reason)
        await election.isLine('a')
        const late = b.campaign({ signal: AbortSignal.abort(reason) })
        assert.equal(await rejection(late), reason)
        b.campaign().catch(() => undefined)
        await election.isLine('a', 'b')
      })

      it('does not resign because the signal with which it campaigned fires', async (h) => {
        const candidate = await new Election(h, recipe).candidate('a')
        const controller = new AbortController()
        const term = await within('the election', candidate.campaign({ signal: controller.signal }))
        controller.abort(new Error('too late'))
        assert.equal(candidate.isLeader(), true)
        assert.equal(term.signal.aborted, false)
      })

      it('is stopped while it leads', async (h) => {
        const election = new Election(h, recipe)
        const { candidate, term } = await election.leader('a')
        await candidate.stop()
        assert.equal(candidate.isLeader(), false)
        assert.equal(term.signal.aborted, true)
        await election.isVacant()
      })

      it('is stopped while it waits', async (h) => {
        const election = new Election(h, recipe)
        const { candidate: a } = await election.leader('a')
        const { candidate: b, elected } = await election.waiter('b')
        const refused = refusal(elected, 'CLOSED')
        await within('the stop', b.stop())
        await refused
        await election.isLine('a')
        assert.equal(a.isLeader(), true)
      })

      it('is stopped before it did anything, twice, and at once', async (h) => {
        const election = new Election(h, recipe)
        const candidate = await election.candidate('a')
        await Promise.all([candidate.stop(), candidate.stop()])
        await candidate.stop()
        await refusal(candidate.campaign(), 'CLOSED')
        await within(
          'the run',
          candidate.run(() => assert.fail('it was stopped')),
        )
        await election.isVacant()
      })

      it('is stopped at any moment of its campaign, and leaves nothing', async (h) => {
        const election = new Election(h, recipe)
        const store = await h.open()
        for (let turns = 0; turns < 10; turns++) {
          const candidate = election.candidateOn(store, String(turns))
          const campaigning = candidate.campaign().catch((error: unknown) => error)
          for (let i = 0; i < turns * 3; i++) await Promise.resolve()
          if (turns > 5) await store.get(h.key())
          await within('the stop', candidate.stop())
          await within('the end of the campaign', campaigning)
          assert.equal(candidate.isLeader(), false)
          await election.isVacant()
        }
      })

      it('is stopped at the end of its block', async (h) => {
        const election = new Election(h, recipe)
        {
          await using candidate = await election.candidate('a')
          await within('the election', candidate.campaign())
        }
        await election.isVacant()
      })

      it('tells what happens to it', async (h) => {
        const election = new Election(h, recipe)
        const candidate = await election.candidate('a')
        const events = eventsOf(candidate)
        await within('the election', candidate.campaign())
        await candidate.resign()
        await candidate.resign()
        await within('the election', candidate.campaign())
        await h.kv.delete(election.key)
        await waitFor('it has lost', () => !candidate.isLeader() && events.length === 4)
        await within('the election', candidate.campaign())
        await candidate.stop()
        assert.deepEqual(events, ['elected', 'resigned', 'elected', 'lost', 'elected', 'resigned'])
      })

      it('hands over to whom it names, whatever the place in the line', async (h) => {
        const election = new Election(h, recipe)
        const { candidate: a } = await election.leader('a')
        const { elected: b } = await election.waiter('b')
        const { candidate: c, elected } = await election.waiter('c')
        await within('the transfer', a.transferTo('c'))
        assert.equal(a.isLeader(), false)
        await within('the election', elected)
        await election.isLine('c', 'b')
        await c.resign()
        await within('the election', b)
      })

      it('goes on leading when it names nobody who is in line, or itself', async (h) => {
        const election = new Election(h, recipe)
        const { candidate: a } = await election.leader('a')
        await refusal(a.transferTo('z'), 'KEY_NOT_FOUND')
        await a.transferTo('a')
        assert.equal(a.isLeader(), true)
      })

      it('cannot hand over what it does not have', async (h) => {
        const election = new Election(h, recipe)
        const { candidate: a } = await election.leader('a')
        const { candidate: b } = await election.waiter('b')
        await refusal(b.transferTo('a'), 'LOCK_LOST')
        await a.resign()
        await refusal(a.transferTo('b'), 'LOCK_LOST')
      })

      it(
        'goes on campaigning while no server answers, and says so',
        async (h) => {
          const store = await h.target.openUnreachable?.({ connectionTimeout: 100 })
          assert.ok(store !== undefined)
          await using _ = store
          const candidate = new Election(h, recipe).candidateOn(store, 'a')
          // Nobody listens to its errors, and nothing comes of it.
          const elected = inBackground(candidate.campaign())
          assert.equal(await isPending(elected, () => h.kv.get(h.key())), true)
          const errors: unknown[] = []
          candidate.on('error', (error) => errors.push(error))
          await waitFor('it has tried again', () => errors.length > 1)
          assert.ok(errors.every((error) => isLibkvError(error) && error.retryable))
          await within('the stop', candidate.stop())
          await refusal(elected, 'CLOSED')
        },
        target.openUnreachable === undefined ? 'the target has no openUnreachable' : undefined,
      )

      it('rejects with CLOSED when its store is closed', async (h) => {
        const election = new Election(h, recipe)
        await election.leader('a')
        const store = await h.open()
        const waiting = inBackground(election.candidateOn(store, 'b').campaign())
        await election.isLine('a', 'b')
        await store.close()
        await refusal(waiting, 'CLOSED')
        await election.isLine('a')
        await refusal(election.candidateOn(store, 'c').campaign(), 'CLOSED')
      })
    },
    withoutReservedKeys,
  )
