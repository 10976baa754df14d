import type { LibkvError } from '../contract/errors.ts'
import type { Runtime } from '../contract/runtime.ts'
import type { Call } from './driver.ts'

/** The least time between repeated requests to a server that fails, in ms: 20 a second. */
const INTERVAL = 50

/**
 * How often requests are repeated at a server whose last answer was a failure, such as one without a leader: 20 times a second,
 * whoever waits. When the server has carried out any request, all that wait are repeated at once.
 */
export class RepeatBudget {
  readonly #runtime: Runtime
  readonly #waiting = new Set<() => void>()
  #failure: LibkvError | undefined
  /** When the next request may be repeated. */
  #next = -Infinity

  constructor(runtime: Runtime) {
    this.#runtime = runtime
  }

  get isLimited(): boolean {
    return this.#failure !== undefined
  }

  /** The server has answered that it cannot carry out a request now. */
  limit(failure: LibkvError): void {
    this.#failure = failure
  }

  /** The server has carried out a request. */
  lift(): void {
    if (this.#failure === undefined) return
    this.#failure = undefined
    this.#next = -Infinity
    for (const go of [...this.#waiting]) go()
  }

  /**
   * Resolves when the request of a call may be repeated.
   *
   * @throws LibkvError the last failure of the server, if the connection deadline of the call comes first.
   */
  async turn(call: Call): Promise<void> {
    const now = this.#runtime.now()
    const at = Math.max(now, this.#next)
    const isInTime = at < call.connectDeadline
    if (isInTime) this.#next = at + INTERVAL
    const wait = Math.min(at, call.connectDeadline) - now
    if (wait > 0) await this.#wait(wait, call)
    if (!isInTime && this.#failure !== undefined) throw this.#failure
  }

  #wait(ms: number, call: Call): Promise<void> {
    return new Promise((resolve) => {
      const go = (): void => {
        timer.cancel()
        this.#waiting.delete(go)
        resolve()
      }
      // It keeps the process alive: the call may be all that waits.
      const timer = this.#runtime.setTimer(go, ms)
      this.#waiting.add(go)
      call.onCancel(go)
    })
  }
}
