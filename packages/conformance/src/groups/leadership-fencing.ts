import assert from 'node:assert/strict'
import { check, put, remove } from '@libkv/core'
import type { KVPair } from '@libkv/core'
import { textOf } from '../bytes.ts'
import { Election } from '../election.ts'
import { group, withoutReservedKeys, withoutTransactions } from '../group.ts'
import type { CaseGroup } from '../group.ts'
import type { LeadershipRecipe } from '../leadership-recipe.ts'
import { refusal } from '../refusal.ts'
import { atMost, within } from '../wait-for.ts'

export const leadershipFencingCases = (recipe: LeadershipRecipe): CaseGroup =>
  group(
    'the fenced writes of a leader',
    ({ it }) => {
      it('are like those of the store', async (h) => {
        const { kv, key } = h
        const { fenced } = (await new Election(h, recipe).leader('a')).term
        const pair = await fenced.put(key('x'), '1')
        assert.equal(pair.key, key('x'))
        assert.equal(pair.revision, (await kv.get(key('x')))?.revision)
        const next = await fenced.atomicPut(key('x'), '2', pair)
        assert.equal(textOf(await kv.get(key('x'))), '2')
        await fenced.atomicDelete(key('x'), next)
        assert.equal(await kv.get(key('x')), null)
        await fenced.atomicPut(key('x'), '3', null)
        await fenced.delete(key('x'))
        await fenced.delete(key('x'))
        assert.equal(await kv.get(key('x')), null)
        const { results, revision } = await fenced.transaction([
          check(key('x'), null),
          put(key('x'), '4'),
          remove(key('y')),
        ])
        assert.equal(results.length, 3)
        assert.equal(results[0], null)
        assert.equal(results[1]?.revision, revision)
        assert.equal(results[2], null)
        assert.equal(textOf(await kv.get(key('x'))), '4')
      })

      it('are refused as those of the store are', async (h) => {
        const { kv, key } = h
        const { fenced } = (await new Election(h, recipe).leader('a')).term
        const pair = await kv.put(key('x'), '1')
        const exists = await refusal(fenced.atomicPut(key('x'), '2', null), 'KEY_EXISTS')
        assert.equal(exists.key, key('x'))
        await kv.put(key('x'), '2')
        await refusal(fenced.atomicPut(key('x'), '3', pair), 'KEY_MODIFIED')
        await refusal(fenced.atomicDelete(key('x'), pair), 'KEY_MODIFIED')
        const failing = fenced.transaction([check(key('x'), null), put(key('y'), '1')])
        assert.equal((await refusal(failing, 'TRANSACTION_FAILED')).key, key('x'))
        await kv.delete(key('x'))
        await refusal(fenced.atomicDelete(key('x'), pair), 'KEY_NOT_FOUND')
        await refusal(fenced.put('a//b', '1'), 'INVALID_KEY')
        assert.equal(await kv.get(key('y')), null)
      })

      it('are refused when the term is over, and change nothing', async (h) => {
        const { kv, key } = h
        const election = new Election(h, recipe)
        const { candidate, term } = await election.leader('a')
        const pair = await term.fenced.put(key('x'), 'of a')
        const { elected } = await election.waiter('b')
        await candidate.resign()
        const next = await within('the election', elected)
        const { fenced } = term
        const late: [string, () => Promise<unknown>][] = [
          ['put', () => fenced.put(key('x'), 'late')],
          ['delete', () => fenced.delete(key('x'))],
          ['atomicPut', () => fenced.atomicPut(key('x'), 'late', pair)],
          ['atomicPut that creates', () => fenced.atomicPut(key('new'), 'late', null)],
          ['atomicDelete', () => fenced.atomicDelete(key('x'), pair)],
          ['transaction', () => fenced.transaction([put(key('x'), 'late'), remove(key('y'))])],
        ]
        for (const [, write] of late) {
          const error = await refusal(write, 'LOCK_LOST')
          assert.equal(error.key, election.key)
        }
        assert.equal((await kv.get(key('x')))?.revision, pair.revision)
        assert.equal(await kv.get(key('new')), null)
        await next.fenced.put(key('x'), 'of b')
        await refusal(() => fenced.atomicPut(key('x'), 'late', pair), 'LOCK_LOST')
        assert.equal(textOf(await kv.get(key('x'))), 'of b')
      })

      it('are refused to a leader that was frozen, and does not know that it is over', async (h) => {
        const { kv, key } = h
        const election = new Election(h, recipe)
        const { store, runtime } = await h.openFreezable()
        const frozen = election.candidateOn(store, 'frozen', { ttl: h.ttl, runtime })
        const { fenced } = await within('the election', frozen.campaign())
        await fenced.put(key('x'), 'before')
        const { elected } = await election.waiter('b')
        runtime.freeze()
        const next = await atMost(h.takeover(h.ttl) + 1_000, 'the take-over', () => elected)
        await next.fenced.put(key('x'), 'of the successor')
        runtime.thaw()
        // Nothing on this side is asked first: it is the server that refuses.
        await refusal(fenced.put(key('x'), 'late'), 'LOCK_LOST')
        assert.equal(textOf(await kv.get(key('x'))), 'of the successor')
      })

      it('are refused when the key was deleted, and when a stranger made it anew', async (h) => {
        const { kv, key } = h
        const election = new Election(h, recipe)
        const { term } = await election.leader('a')
        await kv.delete(election.key)
        await refusal(term.fenced.put(key('x'), 'late'), 'LOCK_LOST')
        await kv.put(election.key, 'stranger')
        await refusal(term.fenced.put(key('x'), 'late'), 'LOCK_LOST')
        assert.equal(await kv.get(key('x')), null)
      })

      it('go on when the leader shows another value, and when a stranger does', async (h) => {
        const { kv, key } = h
        const election = new Election(h, recipe)
        const { candidate, term } = await election.leader('a')
        const writes: Promise<KVPair>[] = []
        for (let i = 0; i < 5; i++) {
          writes.push(term.fenced.put(key(String(i)), 'v'))
          await term.update(String(i))
        }
        await Promise.all(writes)
        await kv.put(election.key, 'stranger')
        await term.fenced.put(key('x'), 'v')
        assert.equal(candidate.isLeader(), true)
        await term.update('back')
        assert.equal((await election.follower.leader())?.text(), 'back')
      })

      it('spare the key of the election', async (h) => {
        const election = new Election(h, recipe)
        const { candidate, term } = await election.leader('a')
        await refusal(term.fenced.put(election.key, 'x'), 'INVALID_OPTION')
        await refusal(term.fenced.delete(`/${election.key}/`), 'INVALID_OPTION')
        assert.equal(candidate.isLeader(), true)
      })
    },
    (target) => withoutReservedKeys(target) ?? withoutTransactions(target),
    { together: true },
  )
