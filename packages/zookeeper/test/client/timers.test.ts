import { describe, expect, it } from '@jest/globals'
import { DeadlineTimer } from '../../src/client/deadline-timer.ts'
import { Heartbeat } from '../../src/client/heartbeat.ts'
import type { Runtime, Timer } from '../../src/client/index.ts'
import { Redial } from '../../src/client/redial.ts'
import { seeded } from './support.ts'

/** A clock that a test moves. */
class ManualClock implements Runtime {
  time = 0
  readonly random: () => number
  readonly #timers = new Set<{
    readonly due: number
    readonly callback: () => void
    readonly keepAlive: boolean
  }>()

  constructor(random: () => number = seeded(1)) {
    this.random = random
  }

  now(): number {
    return this.time
  }

  setTimer(callback: () => void, ms: number, keepAlive = true): Timer {
    const timer = { due: this.time + ms, callback, keepAlive }
    this.#timers.add(timer)
    return { cancel: () => this.#timers.delete(timer) }
  }

  get pending(): number {
    return this.#timers.size
  }

  /** Whether a timer keeps the process alive. */
  get keepsAlive(): boolean {
    return [...this.#timers].some(({ keepAlive }) => keepAlive)
  }

  /** Moves on, timer by timer. */
  advance(ms: number): void {
    const end = this.time + ms
    for (;;) {
      const next = [...this.#timers].sort((a, b) => a.due - b.due)[0]
      if (next === undefined || next.due > end) break
      this.time = Math.max(this.time, next.due)
      this.#timers.delete(next)
      next.callback()
    }
    this.time = end
  }
}

describe('a heartbeat', () => {
  function start(timeout: number): {
    clock: ManualClock
    heartbeat: Heartbeat
    pings: number[]
    silences: number[]
  } {
    const clock = new ManualClock()
    const pings: number[] = []
    const silences: number[] = []
    const heartbeat = new Heartbeat(
      clock,
      timeout,
      () => pings.push(clock.time),
      () => silences.push(clock.time),
    )
    return { clock, heartbeat, pings, silences }
  }

  it('pings when nothing was sent for a third of the session timeout', () => {
    const { clock, heartbeat, pings, silences } = start(3_000)
    for (let i = 0; i < 10; i++) {
      clock.advance(900)
      heartbeat.sent(clock.time)
      heartbeat.received(clock.time)
    }
    expect(pings).toEqual([])
    clock.advance(1_500)
    expect(pings).toEqual([10_000])
    expect(silences).toEqual([])
  })

  it('gives up when nothing came for two thirds', () => {
    const { clock, pings, silences } = start(3_000)
    clock.advance(10_000)
    expect(pings).toEqual([1_000, 2_000])
    expect(silences).toEqual([2_000])
    expect(clock.pending).toBe(0)
  })

  it('does not take its own lateness for silence', () => {
    const { clock, heartbeat, pings, silences } = start(3_000)
    // The event loop was busy: the timer fires long after it was due, and before the socket is read.
    clock.time = 2_500
    clock.advance(0)
    expect(pings).toEqual([2_500])
    expect(silences).toEqual([])
    clock.advance(10)
    heartbeat.received(clock.time)
    clock.advance(1_000)
    expect(silences).toEqual([])
    clock.time = 7_000
    clock.advance(0)
    expect(silences).toEqual([])
    // And now nothing was there to be read.
    clock.advance(300)
    expect(silences).toEqual([7_300])
  })

  it('does not keep the process alive', () => {
    const { clock } = start(3_000)
    expect({ pending: clock.pending, keepsAlive: clock.keepsAlive }).toEqual({
      pending: 1,
      keepsAlive: false,
    })
  })

  it('stops', () => {
    const { clock, heartbeat, pings } = start(3_000)
    heartbeat.stop()
    clock.advance(10_000)
    expect(pings).toEqual([])
  })
})

describe('attempts to connect', () => {
  it('go to each server at once, and then come with pauses that double up to a second', () => {
    const clock = new ManualClock(() => 1)
    const dials: number[] = []
    const redial: Redial = new Redial(clock, 3, () => {
      dials.push(clock.time)
      redial.failed()
    })
    redial.now()
    clock.advance(5_000)
    const pauses = dials.map((time, i) => time - (dials[i - 1] ?? 0))
    expect(pauses).toEqual([0, 0, 0, 0, 20, 40, 80, 160, 320, 640, 1_000, 1_000, 1_000])
    expect(redial.allFailed).toBe(true)
    redial.succeeded()
    expect(redial.allFailed).toBe(false)
    dials.length = 0
    clock.advance(1_000)
    expect(dials.slice(0, 2)).toEqual([5_260, 5_260])
    redial.stop()
    clock.advance(10_000)
    expect(clock.pending).toBe(0)
  })

  it('keep the process alive in the pauses only where that is wanted, and come at the same time', () => {
    const clock = new ManualClock(() => 1)
    const dials: number[] = []
    const redial: Redial = new Redial(clock, 0, () => {
      dials.push(clock.time)
      redial.failed()
    })
    redial.failed()
    expect(clock.keepsAlive).toBe(true)
    clock.advance(5)
    redial.keepAlive = false
    expect({ pending: clock.pending, keepsAlive: clock.keepsAlive }).toEqual({
      pending: 1,
      keepsAlive: false,
    })
    clock.advance(45)
    expect(clock.keepsAlive).toBe(false)
    redial.keepAlive = true
    expect(clock.keepsAlive).toBe(true)
    clock.advance(100)
    expect(dials).toEqual([20, 60, 140])
    redial.stop()
    redial.keepAlive = false
    expect(clock.pending).toBe(0)
  })

  it('of many clients are spread', () => {
    const random = seeded(2)
    const times = Array.from({ length: 200 }, () => {
      const clock = new ManualClock(random)
      const dials: number[] = []
      const redial: Redial = new Redial(clock, 1, () => {
        dials.push(clock.time)
        redial.failed()
      })
      redial.now()
      clock.advance(700)
      return dials.at(-1) ?? 0
    })
    expect(Math.max(...times) - Math.min(...times)).toBeGreaterThan(100)
  })
})

describe('deadlines', () => {
  it('share one timer', () => {
    const clock = new ManualClock()
    const due = [500, 300, 900, 300, Infinity]
    const sweeps: number[] = []
    const timer = new DeadlineTimer(clock, (now) => {
      sweeps.push(now)
      return Math.min(...due.filter((each) => each > now))
    })
    for (const each of due) timer.include(each)
    expect(clock.pending).toBe(1)
    clock.advance(2_000)
    expect(sweeps).toEqual([300, 500, 900])
    expect(clock.pending).toBe(0)
    timer.include(2_500)
    timer.stop()
    expect(clock.pending).toBe(0)
    timer.include(2_600)
    clock.advance(1_000)
    expect(sweeps).toEqual([300, 500, 900, 2_600])
  })
})
