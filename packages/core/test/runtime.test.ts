import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals'
import { systemRuntime } from '../src/driver.ts'

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

  it('are cancelled on the clock on which they were set', async () => {
    jest.useRealTimers()
    const timer = systemRuntime.setTimer(callback, 5)
    jest.useFakeTimers()
    timer.cancel()
    jest.useRealTimers()
    await new Promise((resolve) => setTimeout(resolve, 10))
    expect(fired).toBe(0)
  })

  it('of fake timers that were switched off stay with these', () => {
    const timer = systemRuntime.setTimer(callback, 5)
    jest.useRealTimers()
    const clear = jest.spyOn(globalThis, 'clearTimeout')
    timer.cancel()
    expect(clear).not.toHaveBeenCalled()
    clear.mockRestore()
  })

  it('are cleared once, and not after they have fired', () => {
    const clear = jest.spyOn(globalThis, 'clearTimeout')
    const timer = systemRuntime.setTimer(callback, 5)
    const other = systemRuntime.setTimer(callback, 10)
    jest.advanceTimersByTime(5)
    timer.cancel()
    other.cancel()
    other.cancel()
    expect(clear).toHaveBeenCalledTimes(1)
    expect(fired).toBe(1)
    clear.mockRestore()
  })
})
