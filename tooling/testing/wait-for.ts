import { WAIT_TIMEOUT } from '../../packages/conformance/src/wait-for.ts'

// The published suite depends on core alone, so it keeps its own waits. Tests take these from here.
export {
  atMost,
  elapse,
  Lateness,
  WAIT_TIMEOUT,
  within,
} from '../../packages/conformance/src/wait-for.ts'

export interface WaitOptions {
  /** What is being waited for, for the error: "Gave up after 5000 ms waiting for …". */
  readonly what: string
  /** Milliseconds until it gives up. @default WAIT_TIMEOUT, 30000 */
  readonly timeout?: number
  /** Milliseconds between two tries. @default 20 */
  readonly every?: number
}

type Falsy = undefined | null | false | 0 | ''

function describe(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : JSON.stringify(thrown)
}

/** Thrown by a condition that can no longer come true: {@link waitFor} then stops at once. */
export class Hopeless extends Error {
  override readonly name = 'Hopeless'
}

/**
 * Polls `condition` until it returns a truthy value, and resolves to that value. A condition that
 * throws is tried again; the error of the timeout has the last error as its cause. The condition is
 * called at least once after the timeout, so that a slow machine does not fail on its first answer.
 */
export async function waitFor<T>(
  condition: () => T | Promise<T>,
  { what, timeout = WAIT_TIMEOUT, every = 20 }: WaitOptions,
): Promise<Exclude<T, Falsy>> {
  const end = performance.now() + timeout
  let last: unknown
  for (;;) {
    const asked = performance.now()
    try {
      const value = await condition()
      if (value) return value as Exclude<T, Falsy>
      last = undefined
    } catch (error) {
      if (error instanceof Hopeless) throw error
      last = error
    }
    if (asked >= end) {
      const why = last === undefined ? '' : `: ${describe(last)}`
      throw new Error(`Gave up after ${timeout} ms waiting for ${what}${why}`, { cause: last })
    }
    await new Promise((resolve) => setTimeout(resolve, every))
  }
}
