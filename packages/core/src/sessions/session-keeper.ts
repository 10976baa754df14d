import type { Calls } from '../calls/calls.ts'
import { PendingWork } from '../calls/pending-work.ts'
import { ClientSession } from './client-session.ts'
import type { Driver, DriverSession } from '../driver-kit/driver.ts'
import { LibkvError, isLibkvError } from '../contract/errors.ts'
import type { ResolvedOptions } from '../options/options.ts'
import type { CallOptions } from '../contract/call-options.ts'
import type { Session } from '../contract/session.ts'
import type { Ttl } from '../contract/ttl.ts'
import { checkTtl } from '../contract/ttl.ts'

/** The sessions of one store, and the work that is left to do when their callers have been answered. */
export class SessionKeeper {
  readonly #driver: Driver
  readonly #calls: Calls
  readonly #options: ResolvedOptions
  readonly #sessions = new Set<ClientSession>()
  readonly #cleanups = new PendingWork()

  constructor(driver: Driver, calls: Calls, options: ResolvedOptions) {
    this.#driver = driver
    this.#calls = calls
    this.#options = options
  }

  /** @throws LibkvError `INVALID_OPTION`, naming the bounds. */
  checkedTtl(ttl: Ttl): number {
    const { backend, capabilities } = this.#driver
    return checkTtl(ttl, capabilities, backend)
  }

  /** @throws LibkvError `INVALID_OPTION` for a session of another store, `SESSION_EXPIRED` for one that is over. */
  own(session: Session): ClientSession {
    const { backend } = this.#driver
    if (session instanceof ClientSession && this.#sessions.has(session)) {
      if (session.isAlive()) return session
    } else if (!(session instanceof ClientSession) || session.isAlive()) {
      throw new LibkvError('INVALID_OPTION', 'the session is not one of this store', { backend })
    }
    throw new LibkvError('SESSION_EXPIRED', `session ${session.id} is over`, { backend })
  }

  async open(ttl: number, options: CallOptions | undefined): Promise<ClientSession> {
    const { runtime } = this.#options
    const opened = await this.#calls.run<{ sentAt: number; driverSession: DriverSession }>(
      {
        operation: 'session',
        repeatable: true,
        // Opened for nobody: the caller has given up.
        discard: ({ driverSession }) => {
          this.afterwards(this.#closeOnServer(driverSession))
        },
      },
      options,
      async (call) => {
        const sentAt = runtime.now()
        const driverSession = await this.#driver.openSession(ttl, call)
        const openedAt = driverSession.sentAt ?? sentAt
        const renewedAt = runtime.now()
        if (renewedAt - openedAt < driverSession.ttl / 3) return { sentAt: openedAt, driverSession }
        // The servers were slow: what is handed over has its time before it.
        try {
          await driverSession.renew(call)
        } catch (error) {
          this.afterwards(this.#closeOnServer(driverSession))
          if (!isLibkvError(error, 'SESSION_EXPIRED')) throw error
          throw new LibkvError('NOT_REACHABLE', 'the session was over before its id arrived', {
            retryable: true,
            cause: error,
          })
        }
        return { sentAt: renewedAt, driverSession }
      },
    )
    const context = {
      calls: this.#calls,
      runtime,
      backend: this.#driver.backend,
      sessions: this.#sessions,
    }
    return new ClientSession(context, opened.driverSession, ttl, opened.sentAt)
  }

  /** Takes work that goes on after its caller was answered. */
  afterwards(cleanup: Promise<unknown>): void {
    this.#cleanups.track(cleanup)
  }

  /** Closes all sessions, and resolves when nothing is left to do. */
  async close(): Promise<void> {
    // The answer to the request for a session may have arrived just before the store was closed.
    do {
      await Promise.allSettled([...this.#sessions].map((session) => session.close()))
      await this.#cleanups.drain()
    } while (this.#sessions.size > 0)
  }

  #closeOnServer(session: DriverSession): Promise<void> {
    return this.#calls.run(
      { operation: 'close session', repeatable: true, whileClosing: true },
      undefined,
      (call) => session.close(call),
    )
  }
}
