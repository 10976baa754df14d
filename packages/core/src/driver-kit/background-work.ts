import { PendingWork } from '../calls/pending-work.ts'
import { settleWithin } from '../calls/settle-within.ts'
import { BackgroundCall } from './background-call.ts'
import type { CallTiming } from './background-call.ts'
import type { Call } from './driver.ts'

/**
 * The requests of a driver that outlive their caller, such as the revocation of a lease. Each has a deadline, and
 * {@link BackgroundWork.drain} waits for those that are in flight.
 */
export class BackgroundWork {
  readonly #timing: CallTiming
  readonly #pending = new PendingWork()

  /** @param timing - the deadlines of each request. */
  constructor(timing: CallTiming) {
    this.#timing = timing
  }

  /** Runs work under a call of its own. It goes on when the caller stops waiting for its result. */
  run<T>(work: (call: Call) => Promise<T>): Promise<T> {
    const running = this.#run(work)
    this.track(running)
    return running
  }

  /** Runs work whose outcome nobody waits for. */
  start(work: (call: Call) => Promise<unknown>): void {
    this.track(this.#run(work))
  }

  /** Makes {@link BackgroundWork.drain} wait for a promise, whatever its outcome. */
  track(work: Promise<unknown>): void {
    this.#pending.track(work)
  }

  /** Resolves when nothing is in flight, at the latest after `connectionTimeout`. */
  drain(): Promise<void> {
    const { runtime, connectionTimeout } = this.#timing
    return settleWithin(runtime, connectionTimeout, this.#pending.drain())
  }

  async #run<T>(work: (call: Call) => Promise<T>): Promise<T> {
    const call = new BackgroundCall(this.#timing)
    try {
      return await work(call)
    } finally {
      call.done()
    }
  }
}
