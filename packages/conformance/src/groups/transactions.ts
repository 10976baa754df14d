import assert from 'node:assert/strict'
import { MAX_TRANSACTION_OPERATIONS, check, put, remove } from '@libkv/core'
import { lines, samePair, textOf } from '../bytes.ts'
import { group, withoutTransactions } from '../group.ts'
import type { CaseGroup } from '../group.ts'
import { refusal } from '../refusal.ts'

export const transactionCases: CaseGroup = group(
  'transactions',
  ({ it }) => {
    it('builds operations as plain data', async () => {
      const { type, key, pair } = check('a', null)
      assert.deepEqual([type, key, pair], ['check', 'a', null])
      assert.deepEqual([put('a', 'v').type, put('a', 'v').value], ['put', 'v'])
      assert.equal(put('a', 'v', { ttl: 1_000 }).ttl, 1_000)
      assert.deepEqual([remove('a').type, remove('a').key], ['remove', 'a'])
    })

    it('carries out several writes', async ({ kv, key, dir }) => {
      await kv.put(key('old'), 'v')
      await kv.transaction([put(key('a'), '1'), put(key('b/c'), '2'), remove(key('old'))])
      assert.deepEqual(lines(await kv.list(dir)), [`${key('a')}=1`, `${key('b/c')}=2`])
    })

    it('gives one result for each operation', async ({ kv, key }) => {
      const there = await kv.put(key('there'), 'v')
      const { results } = await kv.transaction([
        check(key('there'), there),
        put(key('a'), '1'),
        remove(key('b')),
        check(key('missing'), null),
        put(key('c'), '2'),
      ])
      assert.deepEqual(
        results.map((pair) => pair?.key ?? null),
        [null, key('a'), null, null, key('c')],
      )
      samePair(results[1], await kv.get(key('a')))
      samePair(results[4], await kv.get(key('c')))
    })

    it('gives all that it wrote one revision', async ({ kv, key, dir }) => {
      const before = await kv.put(key('a'), 'old')
      const { revision } = await kv.transaction([put(key('a'), '1'), put(key('b'), '2')])
      assert.ok(revision > before.revision)
      for (const pair of await kv.list(dir)) assert.equal(pair.revision, revision)
    })

    it('keeps the createRevision of a key that it overwrites', async ({ kv, key }) => {
      const before = await kv.put(key('a'), 'old')
      const { results, revision } = await kv.transaction([put(key('a'), '1'), put(key('b'), '2')])
      assert.equal(results[0]?.createRevision, before.createRevision)
      assert.equal(results[1]?.createRevision, revision)
      samePair(await kv.get(key('a')), results[0])
    })

    it('counts later writes from its revision on', async ({ kv, key }) => {
      const { revision } = await kv.transaction([put(key('a'), '1')])
      assert.ok((await kv.put(key('b'), '2')).revision > revision)
    })

    it('removes a key that does not exist without complaint', async ({ kv, key }) => {
      const { results } = await kv.transaction([remove(key('missing')), put(key('a'), 'v')])
      assert.equal(results[0], null)
      assert.equal(await kv.exists(key('a')), true)
    })

    it('removes a key and leaves its descendants', async ({ kv, key, names }) => {
      await kv.put(key('a'), 'v')
      await kv.put(key('a/b'), 'v')
      await kv.transaction([remove(key('a'))])
      assert.deepEqual(await names(), ['a/b'])
    })

    it('writes when all checks hold', async ({ kv, key }) => {
      const a = await kv.put(key('a'), '1')
      const checks = [check(key('a'), a), check(key('b'), null)]
      await kv.transaction([...checks, put(key('a'), '2'), put(key('b'), '2')])
      assert.equal(textOf(await kv.get(key('a'))), '2')
      assert.equal(textOf(await kv.get(key('b'))), '2')
    })

    it('checks a key that it does not write', async ({ kv, key }) => {
      const leader = await kv.put(key('leader'), 'me')
      await kv.transaction([check(key('leader'), leader), put(key('config'), '1')])
      await kv.put(key('leader'), 'you')
      const late = kv.transaction([check(key('leader'), leader), put(key('config'), '2')])
      await refusal(late, 'TRANSACTION_FAILED')
      assert.equal(textOf(await kv.get(key('config'))), '1')
    })

    it('takes checks alone', async ({ kv, key }) => {
      const a = await kv.put(key('a'), '1')
      const { results, revision } = await kv.transaction([
        check(key('a'), a),
        check(key('b'), null),
      ])
      assert.deepEqual([...results], [null, null])
      assert.equal(typeof revision, 'bigint')
      await refusal(kv.transaction([check(key('a'), null)]), 'TRANSACTION_FAILED')
    })

    it('writes nothing when one check does not hold', async ({ kv, key, dir }) => {
      const a = await kv.put(key('a'), '1')
      await kv.put(key('gone'), 'v')
      const operations = [
        put(key('b'), '2'),
        check(key('a'), a),
        check(key('gone'), null),
        remove(key('a')),
      ]
      await refusal(kv.transaction(operations), 'TRANSACTION_FAILED')
      assert.deepEqual(lines(await kv.list(dir)), [`${key('a')}=1`, `${key('gone')}=v`])
    })

    it('says which check does not hold', async ({ kv, key }) => {
      const a = await kv.put(key('a'), '1')
      const b = await kv.put(key('b'), '1')
      const now = await kv.put(key('b'), '2')
      const checks = [check(key('a'), a), check(key('b'), b), check(key('c'), null)]
      const error = await refusal(
        kv.transaction([...checks, put(key('d'), 'v')]),
        'TRANSACTION_FAILED',
      )
      assert.equal(error.key, key('b'))
      if (error.current !== undefined) samePair(error.current, now)
    })

    it('says which key should not exist but does', async ({ kv, key }) => {
      const there = await kv.put(key('b'), 'v')
      const failing = kv.transaction([check(key('a'), null), check(key('b'), null)])
      const error = await refusal(failing, 'TRANSACTION_FAILED')
      assert.equal(error.key, key('b'))
      if (error.current !== undefined) samePair(error.current, there)
    })

    it('says which check comes first, also where checks of one key contradict each other', async ({
      kv,
      key,
    }) => {
      const old = await kv.put(key('a'), '1')
      await kv.put(key('a'), '2')
      await kv.put(key('b'), 'v')
      const checks = [check(key('a'), null), check(key('b'), null), check(key('a'), old)]
      const first = await refusal(kv.transaction(checks), 'TRANSACTION_FAILED')
      assert.equal(first.key, key('a'))
      const others = await refusal(kv.transaction(checks.slice(1)), 'TRANSACTION_FAILED')
      assert.equal(others.key, key('b'))
    })

    it('says which key should exist but does not', async ({ kv, key }) => {
      const a = await kv.put(key('a'), 'v')
      await kv.delete(key('a'))
      const failing = kv.transaction([check(key('a'), a), put(key('a'), 'v')])
      const error = await refusal(failing, 'TRANSACTION_FAILED')
      assert.equal(error.key, key('a'))
      if (error.current !== undefined) assert.equal(error.current, null)
      assert.equal(await kv.exists(key('a')), false)
    })

    it('does not take a key that was created again for the old one', async ({ kv, key }) => {
      const old = await kv.put(key('a'), 'same')
      await kv.delete(key('a'))
      await kv.put(key('a'), 'same')
      const failing = kv.transaction([check(key('a'), old), put(key('b'), 'v')])
      await refusal(failing, 'TRANSACTION_FAILED')
    })

    it('takes as many operations as are allowed', async ({ kv, key, dir }) => {
      const operations = Array.from({ length: MAX_TRANSACTION_OPERATIONS }, (_, i) =>
        put(key(String(i)), String(i)),
      )
      const { results } = await kv.transaction(operations)
      assert.equal(results.length, MAX_TRANSACTION_OPERATIONS)
      assert.equal((await kv.keys(dir)).length, MAX_TRANSACTION_OPERATIONS)
    })

    it('takes as many operations as are allowed when half are checks', async ({ kv, key, dir }) => {
      const half = MAX_TRANSACTION_OPERATIONS / 2
      const operations = Array.from({ length: half }, (_, i) => [
        check(key(String(i)), null),
        put(key(String(i)), 'v'),
      ])
      await kv.transaction(operations.flat())
      assert.equal((await kv.keys(dir)).length, half)
    })

    it('refuses one operation more', async ({ kv, key, dir }) => {
      const operations = Array.from({ length: MAX_TRANSACTION_OPERATIONS + 1 }, (_, i) =>
        put(key(String(i)), 'v'),
      )
      const error = await refusal(kv.transaction(operations), 'INVALID_OPTION')
      assert.match(error.message, new RegExp(String(MAX_TRANSACTION_OPERATIONS)))
      assert.deepEqual(await kv.keys(dir), [])
    })

    it('refuses to do nothing', async ({ kv }) => {
      await refusal(kv.transaction([]), 'INVALID_OPTION')
    })

    const twice = {
      'put twice': (key: string) => [put(key, '1'), put(key, '2')],
      'put and removed': (key: string) => [put(key, '1'), remove(key)],
      'removed twice': (key: string) => [remove(key), remove(key)],
      'put under two spellings': (key: string) => [put(key, '1'), put(`/${key}/`, '2')],
    }
    for (const [what, operations] of Object.entries(twice)) {
      it(`refuses a key that is ${what}`, async ({ kv, key }) => {
        const error = await refusal(kv.transaction(operations(key())), 'INVALID_OPTION')
        assert.ok(error.message.includes(key()))
        assert.equal(await kv.exists(key()), false)
      })
    }

    it('refuses all operations when one has a wrong key', async ({ kv, key, dir }) => {
      await refusal(kv.transaction([put(key('a'), 'v'), remove(key('a//b'))]), 'INVALID_KEY')
      assert.deepEqual(await kv.keys(dir), [])
    })

    it('is seen by others whole or not at all', async ({ kv, key, dir, open }) => {
      const other = await open()
      const [a, b] = [key('a'), key('b')]
      await kv.transaction([put(a, '0'), put(b, '0')])
      let isDone = false
      const writing = (async () => {
        for (let i = 1; i <= 30; i++) await kv.transaction([put(a, String(i)), put(b, String(i))])
        isDone = true
      })()
      while (!isDone) {
        const [first, second] = await other.list(dir)
        assert.equal(textOf(first), textOf(second))
        assert.equal(first?.revision, second?.revision)
      }
      await writing
    })

    it('moves money without making or losing any', async ({ kv, key, open }) => {
      const stores = [kv, await open(), await open()]
      const [a, b] = [key('a'), key('b')]
      await kv.transaction([put(a, '30'), put(b, '0')])
      const move = async (store: typeof kv): Promise<void> => {
        for (let done = 0; done < 10;) {
          const [from, to] = await Promise.all([store.get(a), store.get(b)])
          const moved = store.transaction([
            check(a, from),
            check(b, to),
            put(a, String(Number(textOf(from)) - 1)),
            put(b, String(Number(textOf(to)) + 1)),
          ])
          const hasMoved = await moved.then(
            () => true,
            (error: unknown) => {
              if ((error as { code?: string }).code === 'TRANSACTION_FAILED') return false
              throw error
            },
          )
          if (hasMoved) done++
        }
      }
      await Promise.all(stores.map(move))
      assert.deepEqual([textOf(await kv.get(a)), textOf(await kv.get(b))], ['0', '30'])
    })
  },
  withoutTransactions,
)

export const transactionSupportCases: CaseGroup = group('transaction support', ({ it, target }) => {
  if (target.capabilities.transactions) {
    it('supports transactions, as capabilities.transactions says', async ({ kv, key }) => {
      const { results } = await kv.transaction([put(key(), 'v')])
      assert.equal(textOf(results[0]), 'v')
    })
  } else {
    it('refuses transactions, as capabilities.transactions says', async ({ kv, key }) => {
      const error = await refusal(kv.transaction([put(key(), 'v')]), 'NOT_SUPPORTED')
      assert.equal(error.backend, kv.backend)
      assert.equal(await kv.exists(key()), false)
    })
  }
})
