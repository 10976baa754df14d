import { describe, it, mock } from 'node:test'
import { fakeTimerCases } from './cases.ts'

const { setImmediate } = globalThis
const STEP = 100

fakeTimerCases(
  { describe, it },
  {
    use: () => {
      mock.timers.enable({ apis: ['setTimeout', 'setInterval', 'setImmediate', 'Date'] })
    },
    restore: () => {
      mock.timers.reset()
    },
    advance: (ms) => {
      mock.timers.tick(ms)
    },
    advanceAsync: async (ms) => {
      for (let moved = 0; moved < ms; moved += STEP) {
        mock.timers.tick(Math.min(STEP, ms - moved))
        await new Promise((resolve) => setImmediate(resolve))
      }
    },
    run: {
      runAll: () => {
        mock.timers.runAll()
      },
    },
    fakesPerformance: false,
  },
)
