import type { Runtime } from '../contract/runtime.ts'

/** Resolves when the work has settled, whatever its outcome, at the latest after `ms`. */
export function settleWithin(runtime: Runtime, ms: number, work: Promise<unknown>): Promise<void> {
  return new Promise((resolve) => {
    const timer = runtime.setTimer(resolve, ms)
    const done = (): void => {
      timer.cancel()
      resolve()
    }
    work.then(done, done)
  })
}
