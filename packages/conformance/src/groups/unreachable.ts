import assert from 'node:assert/strict'
import type { Store, StoreOptions } from '@libkv/core'
import { group } from '../group.ts'
import type { CaseGroup } from '../group.ts'
import { refusal, rejection } from '../refusal.ts'
import { States } from '../states.ts'
import { storeCalls } from '../store-calls.ts'
import { WAIT_TIMEOUT, atMost, elapse, within } from '../wait-for.ts'

/** A `connectionTimeout` beyond all waits of a case, in milliseconds. */
const NEVER = 10 * WAIT_TIMEOUT

const isWatch = ({ name }: { readonly name: string }): boolean => name.startsWith('watch')

export const unreachableCases: CaseGroup = group(
  'an unreachable store',
  ({ it, target }) => {
    const dead = async (options: StoreOptions): Promise<Store> => {
      // The group is skipped where there is none.
      const store = await target.openUnreachable?.(options)
      return store ?? assert.fail('the target has no openUnreachable')
    }

    for (const call of storeCalls) {
      const skip = call.skip?.(target)
      if (!isWatch(call)) {
        it(
          `${call.name} rejects with NOT_REACHABLE within the connectionTimeout`,
          async ({ key }) => {
            await using store = await dead({ connectionTimeout: 150 })
            const error = await atMost(2_000, 'the refusal', () =>
              refusal(() => call.run(store, key()), 'NOT_REACHABLE'),
            )
            assert.equal(error.retryable, true)
            assert.equal(error.ambiguous, false)
            assert.equal(error.backend, store.backend)
          },
          skip,
        )
      }

      it(
        `${call.name} rejects within milliseconds with the signal's own reason`,
        async ({ key }) => {
          await using store = await dead({ connectionTimeout: 10_000 })
          const controller = new AbortController()
          const failing = rejection(() => call.run(store, key(), { signal: controller.signal }))
          await elapse(1)
          await atMost(500, 'the abort', async () => {
            controller.abort('enough')
            assert.equal(await failing, 'enough')
          })
        },
        skip,
      )
    }

    it('opens and closes at once', async () => {
      const store = await dead({ connectionTimeout: NEVER })
      await within('close', store.close())
    })

    it('closes at once with calls in flight', async ({ key }) => {
      const store = await dead({ connectionTimeout: NEVER })
      const waiting = refusal(store.get(key()), 'CLOSED')
      await elapse(1)
      await within('close', store.close())
      await waiting
    })

    it('ends a call with TIMEOUT or NOT_REACHABLE when its time is over', async ({ key }) => {
      await using store = await dead({ connectionTimeout: 10_000 })
      const error = await atMost(2_000, 'the timeout', () =>
        rejection(store.get(key(), { timeout: 100 })),
      )
      assert.match(String((error as { code?: string }).code), /^(TIMEOUT|NOT_REACHABLE)$/)
    })

    it('lets a watch wait', async ({ key }) => {
      const store = await dead({ connectionTimeout: 100 })
      const states = new States(store.watch(key()))
      let isDone = false
      const asked = states.ask().then(() => {
        isDone = true
      })
      await rejection(store.get(key()))
      assert.equal(isDone, false)
      await store.close()
      await within('the end of the watch', asked)
    })

    for (const kind of ['watch', 'watchTree'] as const) {
      it(`${kind} throws TIMEOUT when the first state is late`, async ({ key }) => {
        await using store = await dead({ connectionTimeout: 100 })
        await using states = new States<unknown>(store[kind](key(), { timeout: 200 }))
        const error = (await states.failure()) as { code?: string }
        assert.equal(error.code, 'TIMEOUT')
      })
    }
  },
  ({ openUnreachable }) =>
    openUnreachable === undefined ? 'the target has no openUnreachable' : undefined,
)
