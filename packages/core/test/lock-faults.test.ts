import { describe, expect, it } from '@jest/globals'
import { atMost, elapse, waitFor } from '@libkv/testing'
import { withLock } from '../src/index.ts'
import type { HeldLock, Locker, LockOptions, Session, Store } from '../src/index.ts'
import { LockBench } from './lock-bench.ts'
import { ListenerCount } from './listener-count.ts'
import { Outcome, refusal } from './outcome.ts'

/** More than the library makes for taking a lock and giving it back. */
const CALLS = 12

/** Who holds the lock, as the holders see it. */
class Witness {
  holders = 0
  readonly tokens: bigint[] = []

  async hold(held: HeldLock): Promise<void> {
    this.holders++
    this.tokens.push(held.token)
    expect(this.holders).toBe(1)
    expect(held.isHeld()).toBe(true)
    await Promise.resolve()
    this.holders--
    await held.unlock()
  }
}

/** Runs a program once for each call that the library makes in it, side by side, and says how many calls those are. */
async function atEachCall(
  program: (bench: LockBench, nth: number) => Promise<void>,
): Promise<number> {
  const runs = Array.from({ length: CALLS }, async (_, i) => {
    await using bench = new LockBench()
    await program(bench, i + 1)
    return bench.triggered
  })
  return (await Promise.all(runs)).filter(Boolean).length
}

async function options(kv: Store, shared: boolean): Promise<LockOptions> {
  return shared ? { session: await kv.session({ ttl: 20_000 }) } : { ttl: 3_000 }
}

const isAscending = (tokens: readonly bigint[]): boolean =>
  tokens.every((token, i) => i === 0 || token > (tokens[i - 1] ?? 0n))

describe.each([
  ['a session of its own', false],
  ['a session that was given', true],
] as const)('a lock with %s', (_which, shared) => {
  it.each([
    ['answers are lost', (bench: LockBench) => bench.faults.loseAnswers(1)],
    ['two answers in a row are lost', (bench: LockBench) => bench.faults.loseAnswers(2)],
    ['requests are refused', (bench: LockBench) => bench.faults.refuse(2)],
    [
      'the connection is cut for a moment',
      (bench: LockBench) => {
        bench.faults.disconnect()
        setTimeout(() => bench.faults.reconnect(), 30)
      },
    ],
  ])('has one holder at a time and leaves nothing when %s, at any call', async (_how, hurt) => {
    const calls = await atEachCall(async (bench, nth) => {
      const kv = bench.open()
      const chosen = await options(kv, shared)
      const witness = new Witness()
      bench.beforeCall(nth, () => {
        hurt(bench)
      })
      const turns = ['a', 'b'].map(async (value) => {
        await witness.hold(await kv.newLock('jobs', { ...chosen, value }).lock())
      })
      await Promise.all(turns)
      if (!bench.triggered) return
      await chosen.session?.close()
      expect(isAscending(witness.tokens)).toBe(true)
      await bench.isClean()
    })
    // It was hurt at every call of its life.
    expect(calls).toBeGreaterThan(6)
    expect(calls).toBeLessThan(CALLS)
  })

  it.each([
    ['an abort', 0],
    ['an abort while answers are slow', 60],
  ])('leaves nothing behind after %s, at any call', async (_how, delay) => {
    const calls = await atEachCall(async (bench, nth) => {
      const kv = bench.open()
      const chosen = await options(kv, shared)
      const controller = new AbortController()
      const reason = new Error('no longer interested')
      bench.faults.delay = delay
      bench.beforeCall(nth, () => {
        if (delay === 0) controller.abort(reason)
        else setImmediate(() => controller.abort(reason))
      })
      const outcome = await kv
        .newLock('jobs', { ...(shared ? chosen : { ttl: 20_000 }) })
        .lock({ signal: controller.signal })
        .catch((error: unknown) => error)
      if (!bench.triggered) return
      expect(outcome).toBe(reason)
      await waitFor(async () => (await bench.ownKeys()).length === 0, {
        what: 'the place in line to be given up',
      })
      expect(await bench.shown('jobs')).toBeUndefined()
      if (shared) expect(chosen.session?.isAlive()).toBe(true)
      await chosen.session?.close()
      await bench.isClean()
    })
    expect(calls).toBe(shared ? 3 : 4)
  })

  it('leaves nothing behind after an abort or a timeout while it waits', async () => {
    await using bench = new LockBench()
    const kv = bench.open()
    const chosen = await options(kv, shared)
    const holder = await kv.newLock('jobs').lock()
    const controller = new AbortController()
    const waiting = new Outcome(kv.newLock('jobs', chosen).lock({ signal: controller.signal }))
    await bench.inLine(2)
    controller.abort()
    await waitFor(() => waiting.state === 'rejected', { what: 'the call to settle' })
    await bench.inLine(1)
    await refusal(kv.newLock('jobs', chosen).lock({ timeout: 20 }), 'TIMEOUT')
    await bench.inLine(1)
    expect(holder.isHeld()).toBe(true)
    await holder.unlock()
    await chosen.session?.close()
    await bench.isClean()
  })

  it('leaves nothing behind when it was given up during an outage', async () => {
    await using bench = new LockBench()
    const kv = bench.open({ connectionTimeout: 30, requestTimeout: 60 })
    const chosen: LockOptions = shared
      ? { session: await kv.session({ ttl: 20_000 }) }
      : { ttl: 1_000 }
    const holder = await bench.open().newLock('jobs').lock()
    const controller = new AbortController()
    const waiting = new Outcome(kv.newLock('jobs', chosen).lock({ signal: controller.signal }))
    await bench.inLine(2)
    bench.faults.disconnect()
    controller.abort()
    await waitFor(() => waiting.state === 'rejected', { what: 'the call to settle' })
    await elapse(100)
    bench.faults.reconnect()
    await bench.inLine(1)
    await holder.unlock()
    await chosen.session?.close()
    await bench.isClean()
  })

  it('is free for others after an unlock() that an outage has delayed', async () => {
    await using bench = new LockBench()
    const kv = bench.open({ connectionTimeout: 30, requestTimeout: 60 })
    const chosen: LockOptions = shared
      ? { session: await kv.session({ ttl: 20_000 }) }
      : { ttl: 1_000 }
    const holder = await kv.newLock('jobs', chosen).lock()
    bench.faults.disconnect()
    const unlocking = holder.unlock().catch(() => undefined)
    expect(holder.isHeld()).toBe(false)
    await elapse(100)
    bench.faults.reconnect()
    await unlocking
    const next = await bench.open().newLock('jobs').lock({ timeout: 3_000 })
    await next.unlock()
    await chosen.session?.close()
    await bench.isClean()
  })
})

describe('waiting for a lock', () => {
  /** A holds; B and C wait, in this order. */
  async function line(
    bench: LockBench,
    ttlOfB: number,
  ): Promise<{ holder: HeldLock; order: string[]; waits: Promise<void>[] }> {
    const order: string[] = []
    const holder = await bench.open().newLock('jobs', { ttl: 60_000 }).lock()
    const impatient = bench.open({ connectionTimeout: 20, requestTimeout: 50 })
    const wait = async (name: string, ttl: number): Promise<void> => {
      const held = await impatient.newLock('jobs', { ttl, value: name }).lock()
      order.push(name)
      expect(await bench.shown('jobs')).toBe(name)
      await held.unlock()
    }
    const waits = [wait('b', ttlOfB)]
    await bench.inLine(2)
    waits.push(wait('c', 60_000))
    await bench.inLine(3)
    return { holder, order, waits }
  }

  it('keeps the place in the line when the outage is shorter than the time to live', async () => {
    await using bench = new LockBench()
    const { holder, order, waits } = await line(bench, 2_000)
    const before = await bench.ownKeys()
    bench.faults.disconnect()
    await elapse(150)
    bench.faults.reconnect()
    expect(await bench.ownKeys()).toEqual(before)
    expect(holder.isHeld()).toBe(true)
    await holder.unlock()
    await Promise.all(waits)
    expect(order).toEqual(['b', 'c'])
    await bench.isClean()
  })

  it('gets in line again when the outage is longer', async () => {
    await using bench = new LockBench()
    const { holder, order, waits } = await line(bench, 200)
    bench.faults.disconnect()
    // The session of B is over on the server, too.
    await waitFor(() => bench.faults.sessions === 2, { what: 'the session to be gone' })
    await elapse(50)
    bench.faults.reconnect()
    await bench.inLine(3)
    await holder.unlock()
    await Promise.all(waits)
    expect(order).toEqual(['c', 'b'])
    await bench.isClean()
  })

  it('gets in line again when an operator has ended its session', async () => {
    await using bench = new LockBench()
    const { holder, order, waits } = await line(bench, 300)
    bench.faults.dropSessions()
    await waitFor(() => !holder.isHeld(), { what: 'the holder to notice' })
    await Promise.all(waits)
    expect([...order].sort()).toEqual(['b', 'c'])
    await bench.isClean()
  })

  it('goes on when one outage follows the other', async () => {
    await using bench = new LockBench()
    const { holder, order, waits } = await line(bench, 200)
    for (let i = 0; i < 8; i++) {
      bench.faults.disconnect()
      await elapse(60 + 40 * i)
      bench.faults.reconnect()
      await elapse(5)
    }
    await holder.unlock()
    await Promise.all(waits)
    expect([...order].sort()).toEqual(['b', 'c'])
    await bench.isClean()
  })

  it('keeps its place when the outage hits just as its turn comes', async () => {
    await using bench = new LockBench()
    const { holder, order, waits } = await line(bench, 2_000)
    // The holder closes its session and the next one looks who is ahead before it takes the lock.
    bench.beforeCall(3, () => {
      bench.faults.disconnect()
      setTimeout(() => {
        bench.faults.reconnect()
      }, 100)
    })
    await holder.unlock()
    await Promise.all(waits)
    expect(bench.triggered).toBe(true)
    expect(order).toEqual(['b', 'c'])
    await bench.isClean()
  })

  it('goes on when the session is lost with which it gets in line again', async () => {
    await using bench = new LockBench()
    const kv = bench.open()
    await kv.newLock('jobs').lock()
    const waiting = bench.open().newLock('jobs', { value: 'me' }).lock()
    await bench.inLine(2)
    // It looks at the line, closes its session, opens another one, and with that gets in line.
    bench.beforeCall(4, () => {
      bench.faults.dropSessions()
    })
    await bench.outside.deleteTree(bench.ownDirectory)
    const held = await waiting
    expect(bench.triggered).toBe(true)
    expect(await bench.shown('jobs')).toBe('me')
    await held.unlock()
  })

  it('gets in line again when its place was removed just before it took the lock', async () => {
    await using bench = new LockBench()
    // Opening the session, getting in line and looking who is ahead come before.
    bench.beforeCall(4, () => {
      void bench.outside.deleteTree(bench.ownDirectory)
    })
    const held = await bench.open().newLock('jobs', { value: 'me' }).lock()
    expect(bench.triggered).toBe(true)
    await bench.inLine(1)
    expect(await bench.shown('jobs')).toBe('me')
    await held.unlock()
    await bench.isClean()
  })

  it('is woken alone when its turn comes', async () => {
    await using bench = new LockBench()
    const holder = await bench.open().newLock('jobs').lock()
    const waits: Promise<HeldLock>[] = []
    for (let i = 0; i < 12; i++) {
      waits.push(bench.open().newLock('jobs').lock())
      await bench.inLine(2 + i)
    }
    let holding = holder
    for (const waiting of waits) {
      bench.calls.length = 0
      await holding.unlock()
      holding = await waiting
      // The next one looks whether it is its turn, and takes the lock; nobody else does anything.
      expect(bench.calls).toEqual(['close session', 'lock', 'lock'])
    }
    await holding.unlock()
  })

  it('keeps the number of listeners down, however often it looks again', async () => {
    await using bench = new LockBench()
    const holder = await bench.open().newLock('jobs').lock()
    // Those between the holder and the last in line give up one after the other, the nearest to the last first.
    const between: AbortController[] = []
    for (let i = 0; i < 12; i++) {
      const controller = new AbortController()
      between.unshift(controller)
      const { signal } = controller
      void bench
        .open()
        .newLock('jobs')
        .lock({ signal })
        .catch(() => undefined)
      await bench.inLine(2 + i)
    }
    using listeners = new ListenerCount()
    const last = bench.open({ connectionTimeout: 1, requestTimeout: 5 }).newLock('jobs').lock()
    await bench.inLine(14)
    for (const [i, controller] of between.entries()) {
      controller.abort()
      await bench.inLine(13 - i)
    }
    bench.faults.disconnect()
    await elapse(200)
    bench.faults.reconnect()
    expect(listeners.most).toBeGreaterThan(0)
    expect(listeners.most).toBeLessThan(5)
    await holder.unlock()
    await (await last).unlock()
  })
})

describe('tryLock()', () => {
  it('gives up at its timeout, at whatever call the store falls silent', async () => {
    const calls = await atEachCall(async (bench, nth) => {
      const kv = bench.open({ requestTimeout: 500 })
      bench.beforeCall(nth, () => {
        bench.faults.delay = 60_000
      })
      const outcome = await atMost(1_200, 'the timeout', () =>
        kv
          .newLock('jobs', { ttl: 3_000 })
          .tryLock({ timeout: 40 })
          .catch((error: unknown) => error),
      )
      if (!bench.triggered) return
      bench.faults.delay = 0
      expect(outcome).toMatchObject({ code: 'TIMEOUT' })
      await bench.isClean()
    })
    expect(calls).toBe(5)
  })

  it('leaves the holder and the line alone when somebody is there', async () => {
    await using bench = new LockBench()
    const kv = bench.open()
    const holder = await kv.newLock('jobs').lock()
    expect(await kv.newLock('jobs').tryLock()).toBeNull()
    await bench.inLine(1)
    await holder.unlock()
    await bench.isClean()
  })

  it('gives the lock to one of many who try at once, or to none, and leaves nothing', async () => {
    await using bench = new LockBench()
    const kv = bench.open()
    const tries = await Promise.all(Array.from({ length: 8 }, () => kv.newLock('jobs').tryLock()))
    const held = tries.filter((lock) => lock !== null)
    expect(held).toHaveLength(1)
    await held[0]?.unlock()
    await bench.isClean()
  })
})

describe('a lock that is held', () => {
  async function hold(
    bench: LockBench,
    given: LockOptions = {},
  ): Promise<{ held: HeldLock; locker: Locker; reasons: unknown[] }> {
    const locker = bench.open({ connectionTimeout: 50 }).newLock('jobs', { ttl: 300, ...given })
    const held = await locker.lock()
    const reasons: unknown[] = []
    held.signal.addEventListener('abort', () => reasons.push(held.signal.reason))
    return { held, locker, reasons }
  }

  it('is lost at the local deadline of its session when the store is away', async () => {
    await using bench = new LockBench()
    const { held, locker, reasons } = await hold(bench)
    const sessions: number[] = []
    held.signal.addEventListener('abort', () => sessions.push(bench.faults.sessions))
    bench.faults.disconnect()
    await waitFor(() => !held.isHeld(), { what: 'the loss of the lock' })
    // The server still had it: nobody else could have taken it before.
    expect(sessions).toEqual([1])
    expect(locker.isHeld()).toBe(false)
    expect(reasons).toEqual([expect.objectContaining({ code: 'LOCK_LOST', key: 'jobs' })])
    expect((reasons[0] as Error).cause).toMatchObject({ code: 'SESSION_EXPIRED' })
  })

  it('survives an outage shorter than its time to live', async () => {
    await using bench = new LockBench()
    const { held } = await hold(bench, { ttl: 1_000 })
    bench.faults.disconnect()
    await elapse(100)
    bench.faults.reconnect()
    await elapse(1_000)
    expect(held.isHeld()).toBe(true)
  })

  it('is lost when its key is deleted, and takes its place in line along', async () => {
    await using bench = new LockBench()
    const { held, reasons } = await hold(bench)
    await bench.outside.delete('app/jobs')
    await waitFor(() => !held.isHeld(), { what: 'the loss of the lock' })
    expect(reasons).toEqual([expect.objectContaining({ code: 'LOCK_LOST' })])
    await bench.isClean()
  })

  it('is not lost when a stranger writes its key, and leaves what the stranger wrote', async () => {
    await using bench = new LockBench()
    await using kv = bench.open()
    const session = await kv.session()
    const held = await kv.newLock('jobs', { session }).lock()
    await bench.outside.put('app/jobs', 'graffiti')
    await elapse(20)
    expect(held.isHeld()).toBe(true)
    await held.unlock()
    expect(await bench.shown('jobs')).toBe('graffiti')
    await bench.inLine(0)
  })

  it('does not touch the next holder when it is given back late', async () => {
    await using bench = new LockBench()
    const { held } = await hold(bench)
    bench.faults.dropSessions()
    const next = await bench.open().newLock('jobs', { value: 'next' }).lock()
    await held.unlock().catch(() => undefined)
    expect(await bench.shown('jobs')).toBe('next')
    expect(next.isHeld()).toBe(true)
    expect(next.token).toBeGreaterThan(held.token)
  })

  it('refuses to be taken twice by one locker', async () => {
    await using bench = new LockBench()
    const { held, locker } = await hold(bench)
    await expect(locker.lock()).rejects.toThrow(TypeError)
    await expect(locker.tryLock()).rejects.toThrow(TypeError)
    await held.unlock()
    await (await locker.lock()).unlock()
  })

  it('is given back when the store closes', async () => {
    await using bench = new LockBench()
    const kv = bench.open()
    const held = await kv.newLock('jobs', { ttl: 60_000 }).lock()
    await kv.close()
    expect(held.isHeld()).toBe(false)
    await bench.isClean()
  })

  it('leaves a session that was given to whoever gave it', async () => {
    await using bench = new LockBench()
    const kv = bench.open()
    const session: Session = await kv.session({ ttl: 60_000 })
    for (let i = 0; i < 3; i++) await withLock(kv, 'jobs', () => undefined, { session })
    expect(session.isAlive()).toBe(true)
    await bench.inLine(0)
  })

  it('is refused with SESSION_EXPIRED when the session that was given is over', async () => {
    await using bench = new LockBench()
    const kv = bench.open()
    const session = await kv.session()
    const locker = kv.newLock('jobs', { session })
    await session.close()
    await refusal(locker.lock(), 'SESSION_EXPIRED')
    expect(() => kv.newLock('jobs', { session })).toThrow(
      expect.objectContaining({ code: 'SESSION_EXPIRED' }),
    )
  })
})
