import { describe, expect, it } from '@jest/globals'
import { ManualClock, memory, memoryFaults } from '../src/index.ts'

describe('a manual clock', () => {
  it('fires due timers in order, each at its time, and no others', async () => {
    const clock = new ManualClock()
    const start = clock.now()
    const fired: [string, number][] = []
    for (const [name, ms] of Object.entries({ late: 20, early: 10, next: 20, never: 31 })) {
      clock.setTimer(() => fired.push([name, clock.now() - start]), ms)
    }
    await clock.advance(30)
    expect(fired).toEqual([
      ['early', 10],
      ['late', 20],
      ['next', 20],
    ])
    expect(clock.now() - start).toBe(30)
    expect(clock.pendingTimers).toBe(1)
  })

  it('fires what promise jobs set in between', async () => {
    const clock = new ManualClock()
    const start = clock.now()
    const wait = (ms: number): Promise<void> =>
      new Promise((resolve) => {
        clock.setTimer(resolve, ms)
      })
    const times: number[] = []
    const work = async (): Promise<void> => {
      for (let i = 0; i < 3; i++) {
        await wait(10)
        times.push(clock.now() - start)
      }
    }
    const working = work()
    await clock.advance(100)
    await working
    expect(times).toEqual([10, 20, 30])
  })

  it('does not fire a timer that was cancelled', async () => {
    const clock = new ManualClock()
    let fired = 0
    clock.setTimer(() => fired++, 10).cancel()
    await clock.advance(100)
    expect(fired).toBe(0)
  })

  it('fires timers late that came due while it was blocked', async () => {
    const clock = new ManualClock(1_000)
    const start = clock.now()
    let firedAt = 0
    clock.setTimer(() => (firedAt = clock.now() - start), 10)
    clock.block(60)
    expect(firedAt).toBe(0)
    await clock.advance(0)
    expect(firedAt).toBe(60)
    expect(clock.wallClock()).toBe(1_060)
  })
})

describe('an embedded store on a manual clock', () => {
  it('deletes a key when its ttl has expired, and not before', async () => {
    const clock = new ManualClock()
    await using kv = memory(['on-a-clock'], { runtime: clock })
    await kv.put('a', 'tea', { ttl: 3_600_000 })
    await clock.advance(3_599_000)
    expect(await kv.exists('a')).toBe(true)
    await clock.advance(2_000)
    expect(await kv.exists('a')).toBe(false)
  })

  it('gives a lock to the next contender when its holder is frozen', async () => {
    const clock = new ManualClock()
    const frozen = new ManualClock()
    await using kv = memory(['on-two-clocks'], { runtime: clock })
    await using other = memory(['on-two-clocks'], { runtime: frozen })
    const held = await other.newLock('jobs', { ttl: 5_000 }).lock()
    const next = kv.newLock('jobs').lock()
    await clock.advance(6_000)
    frozen.block(6_000)
    expect(held.isHeld()).toBe(false)
    expect((await next).token > held.token).toBe(true)
  })

  it('has the clock of the next store once all of its name are closed', async () => {
    const open = (clock: ManualClock) => memory(['one-after-the-other'], { runtime: clock })
    await open(new ManualClock()).close()
    const clock = new ManualClock()
    await using kv = open(clock)
    await using second = open(new ManualClock())
    await kv.put('a', 'tea', { ttl: 1_000 })
    await clock.advance(2_000)
    expect(await second.get('a')).toBeNull()
  })

  it('takes time for a request that faults delay', async () => {
    const clock = new ManualClock()
    await using kv = memory(['delayed'], { runtime: clock })
    memoryFaults('delayed').delay = 200
    let answered = false
    const reading = kv.get('a').then(() => (answered = true))
    await clock.advance(199)
    expect(answered).toBe(false)
    await clock.advance(1)
    await reading
    memoryFaults('delayed').reset()
  })
})
