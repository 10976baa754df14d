import type { Runtime } from '../contract/runtime.ts'
import { isLibkvError } from '../contract/errors.ts'
import type { BackgroundWork } from './background-work.ts'
import type { Call, DriverSession } from './driver.ts'

/** How a backend grants leases. */
export interface LeaseSource<L extends DriverSession> {
  /**
   * Requests a lease.
   *
   * @param ttl - the least time to live, in ms.
   * @param name - unique; the backend's means to find the lease when the answer is lost.
   * @throws LibkvError
   */
  grant(ttl: number, name: string, call: Call): Promise<L>
  /** Revokes the lease of that name, if it exists: the answer to its grant was lost. */
  revokeLost(name: string, call: Call): Promise<void>
}

/** Grants leases and never leaks one: neither when its caller gives up, nor when the answer is lost. */
export class Leases<L extends DriverSession> {
  readonly #source: LeaseSource<L>
  readonly #background: BackgroundWork
  readonly #runtime: Runtime

  constructor(source: LeaseSource<L>, background: BackgroundWork, runtime: Runtime) {
    this.#source = source
    this.#background = background
    this.#runtime = runtime
  }

  /**
   * Requests a lease of at least `ttl` ms. The request goes on when the call is cancelled, because only its answer tells
   * what to revoke. A lost answer is not ambiguous: nobody uses that lease, so another one can be requested.
   *
   * @throws LibkvError
   */
  grant(ttl: number, call: Call): Promise<L> {
    const granting = this.#grant(ttl)
    this.#background.track(
      granting.then((lease) => {
        if (call.settled) this.revoke(lease)
      }),
    )
    return granting
  }

  /** Revokes a lease in the background. Without an answer it expires. */
  revoke(lease: L): void {
    this.#background.start((call) => lease.close(call))
  }

  async #grant(ttl: number): Promise<L> {
    const name = this.#runtime.uuid()
    try {
      return await this.#background.run((call) => this.#source.grant(ttl, name, call))
    } catch (error) {
      if (!isLibkvError(error) || !error.ambiguous) throw error
      this.#background.start((call) => this.#source.revokeLost(name, call))
      throw error.with({ ambiguous: false })
    }
  }
}
