import { WAIT_TIMEOUT } from '../../../packages/conformance/src/wait-for.ts'

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
 * Polls `condition` until it gives something truthy, and resolves to that. A condition that throws is tried again; the last
 * thing it threw is in the error.
 */
export async function waitFor<T>(
  condition: () => T | Promise<T>,
  { what, timeout = WAIT_TIMEOUT, every = 20 }: WaitOptions,
): Promise<Exclude<T, Falsy>> {
  const end = performance.now() + timeout
  let last: unknown
  for (;;) {
    try {
      const value = await condition()
      if (value) return value as Exclude<T, Falsy>
      last = undefined
    } catch (error) {
      if (error instanceof Hopeless) throw error
      last = error
    }
    if (performance.now() > end) {
      const why = last === undefined ? '' : `: ${describe(last)}`
      throw new Error(`Gave up after ${timeout} ms waiting for ${what}${why}`, { cause: last })
    }
    await new Promise((resolve) => setTimeout(resolve, every))
  }
}
