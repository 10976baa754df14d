import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals'
import { systemRuntime } from '../src/index.ts'

/** Node's own timers wait 2^31 - 1 ms at most, which is 24.8 days. */
const DAY = 86_400_000

describe("the system's timers", () => {
  let fired: number
  const callback = (): void => {
    fired++
  }

  beforeEach(() => {
    fired = 0
    jest.useFakeTimers()
  })
  afterEach(() => {
    jest.useRealTimers()
  })

  it.each([1, 20, 2 ** 31 - 1, 2 ** 31, 100 * DAY])('wait %p ms, and fire once', (ms) => {
    systemRuntime.setTimer(callback, ms)
    jest.advanceTimersByTime(ms - 1)
    expect(fired).toBe(0)
    jest.advanceTimersByTime(1)
    expect(fired).toBe(1)
    jest.advanceTimersByTime(200 * DAY)
    expect(fired).toBe(1)
  })

  it.each([1, 30, 80])('of 100 days are called off on day %p', (day) => {
    const timer = systemRuntime.setTimer(callback, 100 * DAY)
    jest.advanceTimersByTime(day * DAY)
    timer.cancel()
    expect(jest.getTimerCount()).toBe(0)
    jest.advanceTimersByTime(200 * DAY)
    expect(fired).toBe(0)
  })
})
