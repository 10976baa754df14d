import { describe, it, vi } from 'vitest'
import { fakeTimerCases } from './cases.ts'

fakeTimerCases(
  { describe, it },
  {
    use: () => {
      vi.useFakeTimers()
    },
    restore: () => {
      vi.useRealTimers()
    },
    advance: (ms) => {
      vi.advanceTimersByTime(ms)
    },
    advanceAsync: (ms) => vi.advanceTimersByTimeAsync(ms),
    run: {
      runOnlyPendingTimers: () => {
        vi.runOnlyPendingTimers()
      },
      runAllTimers: () => {
        vi.runAllTimers()
      },
    },
    fakesPerformance: true,
  },
)
