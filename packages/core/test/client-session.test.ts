import { afterEach, beforeEach, describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import { runs } from '@libkv/testing/backend-cases/runs'
import { LibkvError } from '../src/index.ts'
import { openStore } from '../src/driver.ts'
import type { Session, Store } from '../src/index.ts'
import { ManualRuntime, turn } from './manual-runtime.ts'
import { refusal } from './outcome.ts'
import { answers, fails, Gate, hangs, refuses, ScriptedDriver } from './scripted-driver.ts'

const TTL = 9_000
/** What is left of the time to live when the margin is taken off. */
const BELIEF = 8_820

let runtime: ManualRuntime
let driver: ScriptedDriver
let kv: Store

beforeEach(() => {
  runtime = new ManualRuntime()
  driver = new ScriptedDriver()
  kv = openStore(driver, { runtime })
})

afterEach(async () => {
  await kv.close()
  expect(runtime.pendingTimers).toBe(0)
})

const open = (): Promise<Session> => kv.session({ ttl: TTL })

/** How long the session goes on believing in itself from now, to the millisecond. */
async function belief(session: Session): Promise<number> {
  const start = runtime.now()
  while (session.isAlive() && runtime.now() - start < 100_000) await runtime.advance(1)
  return runtime.now() - start
}

describe('the local deadline of a session', () => {
  it('is the time to live less a margin of 2 %', async () => {
    driver.script('renew', hangs)
    expect(await belief(await open())).toBe(BELIEF)
  })

  it('keeps back 10 ms at least', async () => {
    driver.script('renew', hangs)
    expect(await belief(await kv.session({ ttl: 200 }))).toBe(190)
  })

  it('counts from when the request that opened it was sent, not from when it was answered', async () => {
    const gate = new Gate()
    driver.script('openSession', gate.step).script('renew', hangs)
    const opening = open()
    await runtime.advance(1_000)
    gate.resolve()
    expect(await belief(await opening)).toBe(BELIEF - 1_000)
  })

  it('is renewed before it is handed over where the answer was slow', async () => {
    const gate = new Gate()
    driver.script('openSession', gate.step).script('renew', answers(), hangs)
    const opening = open()
    await runtime.advance(4_000)
    gate.resolve()
    const session = await opening
    expect(driver.of('renew')).toHaveLength(1)
    expect(await belief(session)).toBe(BELIEF)
  })

  it('is that of another session where the first was over before its id arrived', async () => {
    const gate = new Gate()
    driver
      .script('openSession', gate.step, answers())
      .script('renew', fails('SESSION_EXPIRED'), hangs)
    const opening = open()
    await runtime.advance(4_900)
    gate.resolve()
    await runtime.advance(100)
    const session = await opening
    expect(driver.of('closeSession')).toHaveLength(1)
    expect(session.id).toBe('session-2')
    expect(session.isAlive()).toBe(true)
  })

  it('counts from the attempt that opened it where earlier ones failed', async () => {
    driver.script('openSession', refuses, refuses, answers()).script('renew', hangs)
    const start = runtime.now()
    const opening = open()
    await runtime.advance(100)
    const session = await opening
    await belief(session)
    // The attempts were made after 0, 15 and 45 ms.
    expect(runtime.now() - start).toBe(45 + BELIEF)
  })

  it('counts from when the last acknowledged renewal was sent, not from its answer', async () => {
    const gate = new Gate()
    driver.script('renew', gate.step, hangs)
    const session = await open()
    await runtime.advance(3_000)
    expect(driver.of('renew')).toHaveLength(1)
    await runtime.advance(2_000)
    gate.resolve()
    await turn()
    expect(await belief(session)).toBe(BELIEF - 2_000)
  })

  it('is that of the server where the server may end the session sooner than asked for', async () => {
    driver.sessionTtl = 4_000
    driver.script('renew', hangs)
    const session = await open()
    expect(session.ttl).toBe(TTL)
    expect(await belief(session)).toBe(4_000 - 80)
  })

  it('ends the belief in a blocked loop, in which no timer fires', async () => {
    const session = await open()
    runtime.block(BELIEF - 1)
    expect(session.isAlive()).toBe(true)
    runtime.block(1)
    expect(session.isAlive()).toBe(false)
  })

  it('aborts the signal for whoever looks at it in a blocked loop', async () => {
    const session = await open()
    const { signal } = session
    runtime.block(BELIEF)
    expect(signal.aborted).toBe(false)
    expect(session.signal.aborted).toBe(true)
    expect(session.signal).toBe(signal)
    expect(signal.reason).toMatchObject({ code: 'SESSION_EXPIRED', backend: 'scripted' })
  })

  it('aborts the signal when nobody looks', async () => {
    driver.script('renew', hangs)
    const { signal } = await open()
    const events: string[] = []
    signal.addEventListener('abort', () => events.push('abort'))
    await runtime.advance(BELIEF - 1)
    expect(events).toEqual([])
    await runtime.advance(1)
    expect(events).toEqual(['abort'])
  })

  it.each([
    ['fail', refuses],
    ['hang', hangs],
    ['are refused', fails('ACCESS_DENIED')],
    ['are answered with nonsense', fails('BACKEND_ERROR')],
  ])('holds when renewals %s', async (_how, step) => {
    driver.script('renew', step)
    const session = await open()
    expect(await belief(session)).toBe(BELIEF)
    expect(session.signal.reason).toMatchObject({ code: 'SESSION_EXPIRED' })
  })

  it.each([-86_400_000, 86_400_000])(
    'does not care when the wall clock jumps by %p ms',
    async (by) => {
      driver.script('renew', hangs)
      const session = await open()
      await runtime.advance(1_000)
      runtime.setWallClock(by)
      expect(session.isAlive()).toBe(true)
      expect(await belief(session)).toBe(BELIEF - 1_000)
    },
  )
})

describe('a session that is lost', () => {
  it('does not come back with an answer that was on its way', async () => {
    const gate = new Gate()
    driver.script('renew', gate.step)
    const session = await open()
    await runtime.advance(3_000)
    runtime.block(BELIEF)
    gate.resolve()
    await turn()
    expect(session.isAlive()).toBe(false)
    expect(session.signal.aborted).toBe(true)
    await runtime.advance(60_000)
    expect(driver.of('renew')).toHaveLength(1)
    expect(session.isAlive()).toBe(false)
  })

  it('stays lost when nobody had looked before an answer came that would have been in time', async () => {
    const gate = new Gate()
    driver.script('renew', gate.step)
    const session = await open()
    await runtime.advance(3_000)
    runtime.block(BELIEF - 3_000)
    gate.resolve()
    await turn()
    expect(session.isAlive()).toBe(false)
  })

  it('is not renewed by the timer that a blocked loop has held up', async () => {
    const session = await open()
    runtime.block(BELIEF)
    await runtime.advance(0)
    expect(driver.of('renew')).toHaveLength(0)
    expect(session.isAlive()).toBe(false)
  })

  it('is closed on the server, so that others need not wait for it', async () => {
    driver.script('renew', hangs)
    const session = await open()
    await belief(session)
    await turn()
    expect(driver.of('closeSession')).toHaveLength(1)
    await session.close()
    expect(driver.of('closeSession')).toHaveLength(1)
  })

  it('is lost at once when the server says so', async () => {
    driver.script('renew', fails('SESSION_EXPIRED'))
    const session = await open()
    await runtime.advance(2_999)
    expect(session.isAlive()).toBe(true)
    await runtime.advance(1)
    expect(session.isAlive()).toBe(false)
    expect(session.signal.reason).toMatchObject({ code: 'SESSION_EXPIRED' })
    await runtime.advance(60_000)
    expect(driver.of('renew')).toHaveLength(1)
  })

  it('binds no keys any more, which shows before any I/O', async () => {
    const session = await open()
    runtime.block(BELIEF)
    const error = await refusal(kv.put('a', '1', { session }), 'SESSION_EXPIRED')
    expect(error.message).toContain(session.id)
    expect(driver.of('commit')).toHaveLength(0)
  })
})

describe('the renewals of a session', () => {
  it('are sent at a third of the time to live', async () => {
    const moments: number[] = []
    const session = await open()
    const start = runtime.now()
    driver.script('renew', () => {
      moments.push(runtime.now() - start)
    })
    await runtime.advance(30_000)
    expect(moments.slice(0, 4)).toEqual([3_000, 6_000, 9_000, 12_000])
    expect(moments).toHaveLength(10)
    expect(session.isAlive()).toBe(true)
  })

  it('keep their pace when the answers are slow', async () => {
    const moments: number[] = []
    const start = runtime.now()
    driver.script('renew', () => {
      moments.push(runtime.now() - start)
      return new Promise((resolve) => {
        runtime.setTimer(() => {
          resolve(undefined)
        }, 700)
      })
    })
    const session = await open()
    await runtime.advance(10_000)
    expect(moments).toEqual([3_000, 6_000, 9_000])
    expect(session.isAlive()).toBe(true)
  })

  it('are tried again before the deadline when one hangs', async () => {
    driver.script('renew', hangs, answers())
    const session = await open()
    await runtime.advance(BELIEF)
    expect(driver.of('renew')[0]?.cancellations).toBe(1)
    expect(session.isAlive()).toBe(true)
    await runtime.advance(60_000)
    expect(session.isAlive()).toBe(true)
  })

  it('are tried again when they fail, more and more slowly, until they get through', async () => {
    let down = true
    driver.script('renew', (...request) => (down ? refuses(...request) : undefined))
    const session = await open()
    await runtime.advance(8_000)
    const attempts = driver.of('renew').length
    expect(attempts).toBeGreaterThan(5)
    expect(attempts).toBeLessThan(100)
    down = false
    await runtime.advance(60_000)
    expect(session.isAlive()).toBe(true)
  })
})

describe('closing a session', () => {
  it('tells the server once and everybody who listens', async () => {
    const session = await open()
    await Promise.all([session.close(), session.close(), session[Symbol.asyncDispose]()])
    await session.close()
    expect(driver.of('closeSession')).toHaveLength(1)
    expect(session.isAlive()).toBe(false)
    expect(session.signal.reason).toMatchObject({ code: 'CLOSED' })
    expect(await runtime.leftTimers()).toBe(0)
  })

  it('drops the renewal that is under way', async () => {
    driver.script('renew', hangs)
    const session = await open()
    await runtime.advance(3_000)
    await session.close()
    expect(driver.of('renew')[0]?.cancellations).toBe(1)
    expect(await runtime.leftTimers()).toBe(0)
  })

  it('says so when the server could not be told, and the belief is over all the same', async () => {
    driver.script('closeSession', refuses)
    const session = await open()
    const closing = refusal(session.close(), 'NOT_REACHABLE')
    expect(session.isAlive()).toBe(false)
    await runtime.advance(5_000)
    await closing
  })
})

describe('opening a session', () => {
  it('asks for 20 seconds unless told otherwise', async () => {
    const session = await kv.session()
    expect(session.ttl).toBe(20_000)
    expect(driver.of('openSession')[0]?.args).toEqual([20_000])
  })

  it.each([99, 1_000_001, Number.NaN, '9000'])(
    'refuses a time to live of %p, naming the bounds, before any I/O',
    async (ttl) => {
      const error = await refusal(kv.session({ ttl: ttl as number }), 'INVALID_OPTION')
      expect(error.message).toContain('between 100 and 1000000')
      expect(driver.requests).toEqual([])
    },
  )

  it('is repeated when the answer was lost', async () => {
    driver.script(
      'openSession',
      (call) => {
        call.markSent()
        throw new LibkvError('NOT_REACHABLE', 'lost', { retryable: true, ambiguous: true })
      },
      answers(),
    )
    const opening = open()
    await runtime.advance(100)
    expect((await opening).id).toBe('session-2')
  })

  it('refuses the session of another store', async () => {
    const other = openStore(new ScriptedDriver(), { runtime })
    const session = await other.session()
    await refusal(kv.put('a', '1', { session }), 'INVALID_OPTION')
    expect(driver.of('commit')).toHaveLength(0)
    await other.close()
  })
})

describe('a store that is closed', () => {
  it('closes a session whose answer arrives at that moment', async () => {
    for (let turns = 0; turns < 12; turns++) {
      const server = new ScriptedDriver()
      const store = openStore(server, { runtime })
      const gate = new Gate()
      server.script('openSession', gate.step)
      const opening = store.session({ ttl: TTL }).catch(() => undefined)
      gate.resolve()
      for (let i = 0; i < turns; i++) await Promise.resolve()
      await store.close()
      await opening
      await turn()
      expect({ turns, closed: server.of('closeSession').length }).toEqual({ turns, closed: 1 })
      expect({ turns, timers: runtime.pendingTimers }).toEqual({ turns, timers: 0 })
    }
  })

  it('does not repeat a request that the end of its driver fails', async () => {
    const [opening, closing] = [new Gate(), new Gate()]
    const server = new (class extends ScriptedDriver {
      override async close(): Promise<void> {
        opening.resolve()
        await turn()
        closing.reject(new LibkvError('NOT_REACHABLE', 'closed', { retryable: true }))
        await turn()
        await super.close()
      }
    })()
    server.script('openSession', opening.step).script('closeSession', closing.step)
    const store = openStore(server, { runtime })
    const refused = refusal(store.session({ ttl: TTL }), 'CLOSED')
    await store.close()
    await refused
    expect(server.of('closeSession')).toHaveLength(1)
    expect(runtime.pendingTimers).toBe(0)
  })

  it('gives up what its server does not answer', async () => {
    const server = new ScriptedDriver()
    const store = openStore(server, { runtime, connectionTimeout: 1_000 })
    const session = await store.session({ ttl: TTL })
    server.script('closeSession', hangs)
    const closing = refusal(session.close(), 'CLOSED')
    const done = store.close()
    await runtime.advance(1_000)
    await Promise.all([closing, done])
    expect(runtime.pendingTimers).toBe(0)
  })
})

it('never believes in a session that the server may have ended, whatever the network and the loop do', async () => {
  // Each renewal takes a while to get there and to be answered, or one of the two never happens.
  const journey = fc.record({
    there: fc.nat(4_000),
    back: fc.nat(4_000),
    fate: fc.constantFrom('answered', 'answered', 'answered', 'lost', 'answer lost', 'refused'),
  })
  const stall = fc.record({ wait: fc.nat(5_000), blocked: fc.constantFrom(0, 0, 0, 2_000, 9_000) })
  await fc.assert(
    fc.asyncProperty(
      fc.array(journey, { minLength: 1, maxLength: 12 }),
      fc.array(stall, { minLength: 1, maxLength: 12 }),
      async (journeys, stalls) => {
        const clock = new ManualRuntime()
        const wire = new ScriptedDriver()
        const store = openStore(wire, { runtime: clock })
        // The server counts from when it hears of the session.
        let endsAt = clock.now() + TTL
        let count = 0
        wire.script('renew', async () => {
          const { there, back, fate } = journeys[count++ % journeys.length] ?? never()
          if (fate === 'refused') return refuses(undefined as never, [])
          await elapse(clock, there)
          if (fate !== 'lost' && clock.now() < endsAt) endsAt = clock.now() + TTL
          else if (fate !== 'lost') throw new LibkvError('SESSION_EXPIRED', 'gone')
          await elapse(clock, back)
          if (fate !== 'answered') await new Promise(() => undefined)
          return undefined
        })
        const session = await store.session({ ttl: TTL })
        let wasLost = false
        for (const { wait, blocked } of stalls) {
          clock.block(blocked)
          check()
          for (let passed = 0; passed < wait; passed += 250) {
            await clock.advance(250)
            check()
          }
        }
        await store.close()

        function check(): void {
          const believes = session.isAlive()
          if (believes && clock.now() >= endsAt)
            throw new Error('believes in a session that is over')
          if (believes && wasLost) throw new Error('came back')
          wasLost ||= !believes
        }
      },
    ),
    { numRuns: runs(150) },
  )
})

function elapse(clock: ManualRuntime, ms: number): Promise<void> {
  return new Promise((resolve) => {
    clock.setTimer(resolve, ms)
  })
}

function never(): never {
  throw new Error('there is always one')
}
