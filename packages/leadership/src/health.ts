import { LibkvError } from '@libkv/core'
import {
  callback,
  checkOptions,
  milliseconds,
  abortable,
  sleep,
  throwIfAborted,
} from '@libkv/core/recipe'
import type { OptionRules } from '@libkv/core/recipe'
import type { Runtime } from '@libkv/core'

/** Whether a candidate is fit to lead. One that is not hands over, and does not stand again before it is. */
export interface HealthOptions {
  /** `false`, an error, and no answer in time all mean that it is not. The signal fires when nobody waits any more. */
  readonly check: (signal: AbortSignal) => boolean | Promise<boolean>
  /**
   * How long from one check to the next, in milliseconds.
   *
   * @default 5_000
   */
  readonly interval?: number | undefined
  /**
   * How long a check may take, in milliseconds.
   *
   * @default `interval`
   */
  readonly timeout?: number | undefined
}

const healthRules: OptionRules<HealthOptions> = {
  check: callback,
  interval: milliseconds(Number.MIN_VALUE),
  timeout: milliseconds(Number.MIN_VALUE),
}

/** Asks again and again whether a candidate is fit to lead. */
export class Health {
  readonly #check: HealthOptions['check']
  readonly #interval: number
  readonly #timeout: number
  readonly #runtime: Runtime
  readonly #report: (error: unknown) => void

  /** @throws LibkvError `INVALID_OPTION`. */
  constructor(options: HealthOptions, runtime: Runtime, report: (error: unknown) => void) {
    checkOptions(options, healthRules, { prefix: 'health.' })
    const { check, interval = 5_000, timeout = interval } = options
    callback.check(check, 'health.check')
    this.#check = check
    this.#interval = interval
    this.#timeout = timeout
    this.#runtime = runtime
    this.#report = report
  }

  /** Resolves when a check says that it is fit. */
  async whenFit(signal: AbortSignal): Promise<void> {
    while (!(await this.#isFit(signal))) await sleep(this.#runtime, this.#interval, signal)
  }

  /** Calls back, unless the signal fires before, when a check says that it is unfit. The first check is an interval away. */
  onceUnfit(signal: AbortSignal, act: () => void): void {
    const watch = async (): Promise<void> => {
      do await sleep(this.#runtime, this.#interval, signal)
      while (await this.#isFit(signal))
    }
    watch().then(act, () => undefined)
  }

  async #isFit(signal: AbortSignal): Promise<boolean> {
    throwIfAborted(signal)
    const controller = new AbortController()
    const timer = this.#runtime.setTimer(() => {
      const message = `the health check took over ${String(this.#timeout)} ms`
      controller.abort(new LibkvError('TIMEOUT', message))
    }, this.#timeout)
    try {
      const answer = (async () => this.#check(controller.signal))()
      return await abortable(abortable(answer, controller.signal), signal)
    } catch (error) {
      throwIfAborted(signal)
      this.#report(error)
      return false
    } finally {
      timer.cancel()
      controller.abort()
    }
  }
}
