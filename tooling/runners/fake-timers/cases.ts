// What a user's tests do with the embedded store. They import the packages as they were packed.
import assert from 'node:assert/strict'
import { isLibkvError, withLock } from '@libkv/core'
import type { KVPair, Store } from '@libkv/core'
import { Discovery } from '@libkv/discovery'
import { Candidate } from '@libkv/leadership'
import { ManualClock, memory, memoryFaults } from '@libkv/memory'

/** The fake timers of a runner. */
export interface FakeTimers {
  readonly use: () => void
  readonly restore: () => void
  /** Moves time in one step, before any promise job. */
  readonly advance: (ms: number) => void
  /** Moves time, and lets promise jobs run in between. */
  readonly advanceAsync: (ms: number) => Promise<unknown>
  /** The runner's ways to fire timers until none is left. Each may leave those alone that are set meanwhile. */
  readonly run: Readonly<Record<string, () => void>>
  /** Whether they fake `performance.now()`. */
  readonly fakesPerformance: boolean
}

/** The functions of a runner. */
export interface TestFunctions {
  readonly describe: (name: string, register: () => void) => unknown
  readonly it: (name: string, test: () => Promise<void>) => unknown
}

const switches = {
  'before the store is opened': (timers: FakeTimers, open: () => Store): Promise<Store> => {
    timers.use()
    return Promise.resolve(open())
  },
  'after the store has been used': async (timers: FakeTimers, open: () => Store) => {
    const kv = open()
    await kv.put('used', 'yes')
    await kv.watch('used')[Symbol.asyncIterator]().next()
    timers.use()
    return kv
  },
}

const textOf = async (kv: Store, key: string): Promise<string | undefined> =>
  (await kv.get(key))?.text()

const firing = (signal: AbortSignal): Promise<unknown> =>
  new Promise((resolve) => {
    const fired = (): void => {
      resolve(signal.reason)
    }
    if (signal.aborted) fired()
    else signal.addEventListener('abort', fired, { once: true })
  })

const codeOf = (work: Promise<unknown>): Promise<string | undefined> =>
  work.then(
    () => undefined,
    (error: unknown) => (isLibkvError(error) ? error.code : String(error)),
  )

let count = 0
const newName = (): string => `store-${String(++count)}`

/** The election of two candidates: the second leads when the first resigns. */
async function elect(first: Candidate, second: Candidate): Promise<void> {
  const term = await first.campaign()
  assert.equal(first.isLeader(), true)
  const next = second.campaign()
  await first.resign()
  assert.ok((await next).token > term.token)
  assert.equal(first.isLeader(), false)
  await Promise.all([first.stop(), second.stop()])
}

/** Registers the cases. Warnings are what the caller looks for in the output. */
export function fakeTimerCases({ describe, it }: TestFunctions, timers: FakeTimers): void {
  for (const [moment, switchOn] of Object.entries(switches)) {
    const on = (name: string, test: (kv: Store, store: string) => Promise<void>): void => {
      it(name, async () => {
        const store = newName()
        const kv = await switchOn(timers, () => memory([store]))
        try {
          await test(kv, store)
        } finally {
          timers.restore()
          await kv.close()
        }
      })
    }

    describe(`with fake timers switched on ${moment}, the embedded store`, () => {
      on('reads and writes', async (kv) => {
        await kv.put('a', 'tea')
        await kv.put('b/1', new Uint8Array([1]))
        await kv.put('b/2', Buffer.from('x'))
        assert.equal(await textOf(kv, 'a'), 'tea')
        assert.deepEqual(await kv.keys('b'), ['b/1', 'b/2'])
        assert.equal((await kv.list('b')).length, 2)
        const error = await codeOf(kv.atomicPut('a', 'coffee', null))
        assert.equal(error, 'KEY_EXISTS')
      })

      on('delivers the first state of a watch, and changes', async (kv) => {
        const states = kv.watch('a')[Symbol.asyncIterator]()
        assert.equal((await states.next()).value, null)
        await kv.put('a', 'tea')
        assert.equal((await states.next()).value?.text(), 'tea')
        const trees = kv.watchTree('')[Symbol.asyncIterator]()
        assert.ok((await trees.next()).value?.pairs.some((pair: KVPair) => pair.key === 'a'))
      })

      for (const [way, advance] of [
        [
          'advance',
          async (ms: number): Promise<void> => {
            timers.advance(ms)
          },
        ],
        ['advanceAsync', timers.advanceAsync],
      ] as const) {
        on(`deletes a key when its ttl has expired by ${way}`, async (kv) => {
          await kv.put('a', 'tea', { ttl: 5_000 })
          const states = kv.watch('a')[Symbol.asyncIterator]()
          await states.next()
          await advance(4_900)
          assert.equal(await textOf(kv, 'a'), 'tea')
          await advance(200)
          assert.equal((await states.next()).value, null)
          assert.equal(await kv.get('a'), null)
        })
      }

      on('hands a lock over to the next contender', async (kv) => {
        const held = await kv.newLock('jobs').lock()
        const next = kv.newLock('jobs').lock()
        assert.equal(await kv.newLock('jobs').tryLock(), null)
        await held.unlock()
        const successor = await next
        assert.ok(successor.token > held.token)
        await successor.unlock()
        assert.equal(await withLock(kv, 'jobs', () => 'done'), 'done')
      })

      on('gives up waiting for a lock after its timeout', async (kv) => {
        await kv.newLock('jobs').lock()
        const waiting = codeOf(kv.newLock('jobs').lock({ timeout: 1_000 }))
        await kv.get('jobs')
        timers.advance(1_100)
        assert.equal(await waiting, 'TIMEOUT')
      })

      if (timers.fakesPerformance) {
        on('times a call out', async (kv, store) => {
          memoryFaults(store).delay = 60_000
          const reading = codeOf(kv.get('a', { timeout: 3_000 }))
          timers.advance(3_100)
          assert.equal(await reading, 'TIMEOUT')
        })
      }

      on('elects a candidate, and another when it resigns', async (kv) => {
        await elect(new Candidate(kv, 'leader'), new Candidate(kv, 'leader'))
      })

      on('keeps an instance registered while time moves', async (kv) => {
        const discovery = new Discovery(kv, { ttl: 3_000 })
        const instance = { service: 'web', id: 'web-1', address: '10.0.0.1', port: 80 }
        const registration = await discovery.register(instance)
        await timers.advanceAsync(30_000)
        assert.equal((await discovery.instances('web')).instances[0]?.id, 'web-1')
        await registration.deregister()
        assert.deepEqual((await discovery.instances('web')).instances, [])
        await discovery.close()
      })

      on('keeps a session alive while time moves', async (kv) => {
        const session = await kv.session({ ttl: 3_000 })
        await kv.put('a', 'tea', { session })
        await timers.advanceAsync(30_000)
        assert.equal(session.isAlive(), true)
        assert.equal(await textOf(kv, 'a'), 'tea')
      })

      on('loses a lock and a term with their sessions', async (kv, store) => {
        const held = await kv.newLock('jobs').lock()
        const term = await new Candidate(kv, 'leader').campaign()
        memoryFaults(store).dropSessions()
        for (const { signal } of [held, term]) {
          assert.ok(isLibkvError(await firing(signal), 'LOCK_LOST'))
        }
      })

      on('loses a session that it cannot renew', async (kv, store) => {
        const session = await kv.session({ ttl: 3_000 })
        memoryFaults(store).disconnect()
        await timers.advanceAsync(3_100)
        memoryFaults(store).reconnect()
        await timers.advanceAsync(3_100)
        assert.ok(isLibkvError(await firing(session.signal), 'SESSION_EXPIRED'))
      })

      for (const [name, run] of Object.entries(timers.run)) {
        on(`with an open watch lets ${name} end, and time stand`, async (kv) => {
          const states = kv.watch('a')[Symbol.asyncIterator]()
          await states.next()
          const before = Date.now()
          run()
          // A store leaves a timer pending for up to 100 ms.
          assert.ok(Date.now() - before <= 1_000)
          await kv.put('a', 'tea')
          assert.equal((await states.next()).value?.text(), 'tea')
        })
      }

      on('closes sessions, locks and watches when real timers are back', async (kv) => {
        await kv.watch('a')[Symbol.asyncIterator]().next()
        await kv.session()
        await kv.newLock('jobs').lock()
        void codeOf(kv.newLock('jobs').lock({ timeout: 60_000 }))
        timers.restore()
        await kv.close()
      })

      on('takes a manual clock instead', async () => {
        await useManualClock()
      })
    })
  }

  describe('with real timers, the embedded store', () => {
    it('takes a manual clock', useManualClock)
  })
}

/** Everything that takes time, on a clock that is an option. */
async function useManualClock(): Promise<void> {
  const clock = new ManualClock()
  const name = newName()
  const kv = memory([name], { runtime: clock })
  try {
    await kv.put('a', 'tea', { ttl: 5_000 })
    await clock.advance(4_900)
    assert.equal(await textOf(kv, 'a'), 'tea')
    await clock.advance(200)
    assert.equal(await kv.get('a'), null)

    const session = await kv.session({ ttl: 3_000 })
    await clock.advance(30_000)
    assert.equal(session.isAlive(), true)
    await session.close()

    const held = await kv.newLock('jobs').lock()
    const waiting = codeOf(kv.newLock('jobs').lock({ timeout: 1_000 }))
    await clock.advance(1_000)
    assert.equal(await waiting, 'TIMEOUT')
    await held.unlock()

    const options = { runtime: clock }
    await elect(new Candidate(kv, 'leader', options), new Candidate(kv, 'leader', options))

    memoryFaults(name).delay = 60_000
    const reading = codeOf(kv.get('a', { timeout: 3_000 }))
    await clock.advance(3_000)
    assert.equal(await reading, 'TIMEOUT')
  } finally {
    memoryFaults(name).reset()
    await kv.close()
  }
}
