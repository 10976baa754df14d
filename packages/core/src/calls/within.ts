import type { Runtime } from '../contract/runtime.ts'

/** Waits for work, but not for longer than `ms` milliseconds. What becomes of the work does not matter. */
export function within(runtime: Runtime, ms: number, work: Promise<unknown>): Promise<void> {
  return new Promise((resolve) => {
    const timer = runtime.setTimer(resolve, ms)
    const done = (): void => {
      timer.cancel()
      resolve()
    }
    work.then(done, done)
  })
}
