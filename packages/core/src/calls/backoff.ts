import type { Runtime } from '../contract/runtime.ts'

/**
 * The wait before the next try, in milliseconds: doubled each time and jittered over its upper half, so that many
 * clients that failed together do not come back together.
 */
export function backoff(runtime: Runtime, attempt: number, first = 20, longest = 500): number {
  const ceiling = Math.min(longest, first * 2 ** Math.min(attempt, 16))
  return ceiling / 2 + (runtime.random() * ceiling) / 2
}
