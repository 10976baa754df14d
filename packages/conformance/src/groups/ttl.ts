import assert from 'node:assert/strict'
import { put } from '@libkv/core'
import type { KVPair } from '@libkv/core'
import { textOf } from '../bytes.ts'
import { group, withoutTransactions } from '../group.ts'
import type { CaseGroup, SkipRule } from '../group.ts'
import type { Harness } from '../harness.ts'
import { refusal } from '../refusal.ts'
import { States } from '../states.ts'
import { elapse, now } from '../wait-for.ts'

/** Checks that a write with the shortest time to live makes a key that lives as long as it should and no longer. */
async function livesAndDies(
  { ttl: shortest, longestLife, timeOfDeath, kv }: Harness,
  key: string,
  write: (ttl: number) => Promise<unknown>,
  ttl: number = shortest,
): Promise<void> {
  const sent = now()
  await write(ttl)
  const exists = await kv.exists(key)
  // A busy machine may take longer than the key lives.
  if (now() - sent < ttl) assert.equal(exists, true)
  const death = await timeOfDeath(key, now() + longestLife(ttl))
  assert.ok(death - sent >= ttl, `gone after ${String(death - sent)} ms instead of ${String(ttl)}`)
}

/** Checks that a key outlives the time to live that it had before. */
async function isPermanent({ kv, longestLife }: Harness, key: string, ttl: number): Promise<void> {
  await elapse(longestLife(ttl) + 50)
  assert.equal(await kv.exists(key), true, 'the key should be permanent')
}

/** The ways to write a key with a time to live. */
const writes: Readonly<
  Record<
    string,
    {
      readonly skip?: SkipRule
      readonly run: (
        h: Harness,
        key: string,
        previous: KVPair | null,
        ttl?: number,
      ) => Promise<unknown>
    }
  >
> = {
  put: { run: ({ kv }, key, _previous, ttl) => kv.put(key, 'v', { ttl }) },
  atomicPut: { run: ({ kv }, key, previous, ttl) => kv.atomicPut(key, 'v', previous, { ttl }) },
  'a transaction': {
    skip: withoutTransactions,
    run: ({ kv }, key, _previous, ttl) => kv.transaction([put(key, 'v', { ttl })]),
  },
}

export const ttlCases: CaseGroup = group(
  'time to live',
  ({ it, target }) => {
    for (const [name, { run, skip }] of Object.entries(writes)) {
      const reason = skip?.(target)
      it(
        `lets a key that ${name} creates live its time and no longer`,
        async (h) => {
          await livesAndDies(h, h.key(), (ttl) => run(h, h.key(), null, ttl))
        },
        reason,
      )

      it(
        `lets a permanent key that ${name} gives a time to live go away`,
        async (h) => {
          const previous = await h.kv.put(h.key(), 'v')
          await livesAndDies(h, h.key(), (ttl) => run(h, h.key(), previous, ttl))
        },
        reason,
      )

      it(
        `makes a key permanent when ${name} writes it without a time to live`,
        async (h) => {
          const ttl = h.steadyTtl
          const previous = await h.kv.put(h.key(), 'v', { ttl })
          await run(h, h.key(), previous)
          await isPermanent(h, h.key(), ttl)
        },
        reason,
      )

      it(
        `begins anew when ${name} writes a time to live again`,
        async (h) => {
          // Long enough for the key to be there when it is written again.
          const time = h.steadyTtl
          const previous = await h.kv.put(h.key(), 'v', { ttl: time })
          await elapse(time * 0.5)
          await livesAndDies(h, h.key(), (ttl) => run(h, h.key(), previous, ttl), time)
        },
        reason,
      )
    }

    it('lets a longer time to live replace a shorter one', async (h) => {
      await h.kv.put(h.key(), '1', { ttl: h.ttl })
      await h.kv.put(h.key(), '2', { ttl: h.ttl * 20 + h.longestLife(h.ttl) })
      await isPermanent(h, h.key(), h.ttl)
    })

    it('lets a shorter time to live replace a longer one', async (h) => {
      await h.kv.put(h.key(), '1', { ttl: h.ttl * 100 })
      await livesAndDies(h, h.key(), (ttl) => h.kv.put(h.key(), '2', { ttl }))
    })

    it('keeps a key that was deleted and created again', async (h) => {
      await h.kv.put(h.key(), '1', { ttl: h.ttl })
      await h.kv.delete(h.key())
      await h.kv.put(h.key(), '2')
      await isPermanent(h, h.key(), h.ttl)
    })

    it('shows an expired key to no call', async ({
      kv,
      key,
      dir,
      ttl,
      longestLife,
      timeOfDeath,
    }) => {
      const pair = await kv.put(key(), 'v', { ttl })
      await timeOfDeath(key(), now() + longestLife(ttl))
      assert.equal(await kv.exists(key()), false)
      assert.deepEqual(await kv.list(dir), [])
      assert.deepEqual(await kv.keys(dir), [])
      assert.equal(await kv.delete(key()), false)
      await refusal(kv.atomicPut(key(), 'new', pair), 'KEY_NOT_FOUND')
      assert.equal(await kv.deleteTree(dir), 0)
      await kv.atomicPut(key(), 'new', null)
    })

    it('takes away the one key and nothing around it', async (h) => {
      const { kv, key, names, ttl, longestLife, timeOfDeath } = h
      const below = target.capabilities.sessionKeysMayHaveDescendants ? ['a/b'] : []
      for (const name of [...below, 'ab', 'b']) await kv.put(key(name), 'v')
      await kv.put(key('b/c'), 'v', { ttl: ttl * 100 })
      await kv.put(key('a'), 'v', { ttl })
      await timeOfDeath(key('a'), now() + longestLife(ttl))
      assert.deepEqual(await names(), [...below, 'ab', 'b', 'b/c'])
    })

    it('takes many keys away', async ({ kv, key, names, ttl, longestLife, timeOfDeath }) => {
      const keys = Array.from({ length: 20 }, (_, i) => key(String(i)))
      await Promise.all(keys.map((name) => kv.put(name, 'v', { ttl })))
      const latest = now() + longestLife(ttl)
      await Promise.all(keys.map((name) => timeOfDeath(name, latest)))
      assert.deepEqual(await names(), [])
    })

    it('takes a key away whose writer has closed its store', async (h) => {
      const { kv, key, open, ttl, longestLife, timeOfDeath } = h
      const other = await open()
      await other.put(key(), 'v', { ttl })
      const latest = now() + longestLife(ttl)
      await other.close()
      await timeOfDeath(key(), latest, kv)
    })

    it('takes a key away whose writer is frozen', async (h) => {
      const { kv, key, openFreezable, ttl, longestLife, timeOfDeath } = h
      const { store, runtime } = await openFreezable()
      await store.put(key(), 'v', { ttl })
      runtime.freeze()
      await timeOfDeath(key(), now() + longestLife(ttl), kv)
    })

    it('lets a watch see a key go', async ({ kv, key, steadyTtl: ttl, longestLife }) => {
      await kv.put(key(), 'v', { ttl })
      await using states = new States(kv.watch(key()))
      assert.equal(textOf(await states.next()), 'v')
      await elapse(Math.max(0, longestLife(ttl) - 1_000))
      assert.equal(await states.next(), null)
    })

    it('lets a watch of the tree see a key go', async (h) => {
      const { kv, key, dir, steadyTtl: ttl, longestLife } = h
      await kv.put(key('a'), 'v', { ttl })
      await kv.put(key('b'), 'v')
      await using states = new States(kv.watchTree(dir))
      assert.equal((await states.next()).pairs.length, 2)
      await elapse(Math.max(0, longestLife(ttl) - 1_000))
      const { changes, pairs } = await states.next()
      assert.deepEqual(
        changes.map(({ type, key: name }) => [type, name]),
        [['delete', key('a')]],
      )
      assert.deepEqual(
        pairs.map((pair) => pair.key),
        [key('b')],
      )
    })

    it('lets a key live its time when the wall clock of the writer is set', async (h) => {
      const { store, runtime } = await h.openFreezable()
      await livesAndDies(h, h.key(), async (ttl) => {
        await store.put(h.key(), 'v', { ttl })
        runtime.setWallClock(24 * 3_600_000)
      })
    })

    it('takes the shortest and the longest time to live that is allowed', async ({ kv, key }) => {
      const { min, max } = target.capabilities.ttl
      await kv.put(key('long'), 'v', { ttl: max })
      const { revision } = await kv.put(key('short'), 'v', { ttl: min })
      assert.ok(revision > 0n)
      assert.equal(await kv.exists(key('long')), true)
    })
  },
  undefined,
  { together: true },
)
