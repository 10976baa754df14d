import type { Runtime } from '@libkv/core'

/** Lets a moment go by. */
export function pause(runtime: Runtime, ms: number): Promise<void> {
  return new Promise((resolve) => {
    runtime.setTimer(resolve, ms)
  })
}
