import { sleep } from '../calls/abort.ts'
import { backoff } from '../calls/backoff.ts'
import { writeRules } from '../options/call-rules.ts'
import { isLibkvError } from '../contract/errors.ts'
import type { KVPair } from '../contract/key-value-pair.ts'
import { callback, checkOptions, number } from '../options/option-rules.ts'
import type { OptionRules } from '../options/option-rules.ts'
import { runtimeRule, systemRuntime } from '../contract/runtime.ts'
import type { Runtime } from '../contract/runtime.ts'
import type { Store } from '../contract/store.ts'
import type { Value } from '../contract/values.ts'
import type { WriteOptions } from '../contract/session.ts'

/** What {@link update} takes. */
export interface UpdateOptions extends WriteOptions {
  /**
   * How often to try before the last conflict is thrown.
   *
   * @default no limit
   */
  readonly attempts?: number | undefined
  /** Clock and chance, for tests. */
  readonly runtime?: Runtime | undefined
}

const updateRules: OptionRules<UpdateOptions> = {
  ...writeRules,
  attempts: number('attempts', 1, Infinity),
  runtime: runtimeRule,
}

/**
 * Reads a key, lets `change` compute the new value, and writes it if nobody was faster; else again, after a jittered
 * pause. `change` may be called several times, and leaves the key alone by returning undefined. `timeout` bounds each
 * call to the store, `signal` ends the whole.
 *
 * @returns what the key now is: `null` when it is absent and was left alone.
 * @throws LibkvError the last conflict, when `attempts` are used up; an error with `ambiguous: true` is thrown, not
 * repeated, for the change may have happened.
 *
 * @example
 * await update(kv, 'counter', (pair) => String(Number(pair?.text() ?? 0) + 1))
 */
export async function update(
  store: Store,
  key: string,
  change: (current: KVPair | null) => Value | undefined | Promise<Value | undefined>,
  options: UpdateOptions = {},
): Promise<KVPair | null> {
  callback.check(change, 'change')
  checkOptions(options, updateRules, { backend: store.backend })
  const { attempts = Infinity, runtime = systemRuntime, ...write } = options
  const { signal, timeout } = write
  let current = await store.get(key, { signal, timeout })
  for (let attempt = 1; ; attempt++) {
    const value = await change(current)
    if (value === undefined) return current
    try {
      return await store.atomicPut(key, value, current, write)
    } catch (error) {
      if (!isConflict(error) || attempt >= attempts) throw error
      // At the first conflict at once: whoever was faster is probably done.
      if (attempt > 1) await sleep(runtime, backoff(runtime, attempt - 2, 5, 250), signal)
      current =
        attempt === 1 && error.current !== undefined
          ? error.current
          : await store.get(key, { signal, timeout })
    }
  }
}

function isConflict(error: unknown): error is { current: KVPair | null | undefined } {
  return (
    isLibkvError(error, 'KEY_MODIFIED') ||
    isLibkvError(error, 'KEY_EXISTS') ||
    isLibkvError(error, 'KEY_NOT_FOUND')
  )
}
