import { describe, it, jest } from '@jest/globals'
import { fakeTimerCases } from './cases.ts'

fakeTimerCases(
  { describe, it },
  {
    use: () => {
      jest.useFakeTimers()
    },
    restore: () => {
      jest.useRealTimers()
    },
    advance: (ms) => {
      jest.advanceTimersByTime(ms)
    },
    advanceAsync: (ms) => jest.advanceTimersByTimeAsync(ms),
    run: {
      runOnlyPendingTimers: () => {
        jest.runOnlyPendingTimers()
      },
      runAllTimers: () => {
        jest.runAllTimers()
      },
    },
    fakesPerformance: true,
  },
)
