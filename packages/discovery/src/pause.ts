import type { Runtime } from '@libkv/core'

/** Waits a while, or until the signal fires, whichever comes first. */
export function pause(runtime: Runtime, ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) {
      resolve()
      return
    }
    const done = (): void => {
      timer.cancel()
      signal.removeEventListener('abort', done)
      resolve()
    }
    const timer = runtime.setTimer(done, ms)
    signal.addEventListener('abort', done, { once: true })
  })
}
