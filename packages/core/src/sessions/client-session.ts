import { sharedController } from '../calls/abort.ts'
import { backoff } from '../calls/backoff.ts'
import type { Calls } from '../calls/calls.ts'
import { asyncDispose } from '../calls/dispose.ts'
import { sessionChannel } from '../contract/diagnostics.ts'
import type { SessionMessage } from '../contract/diagnostics.ts'
import type { DriverSession } from '../driver-kit/driver.ts'
import { LibkvError, isLibkvError } from '../contract/errors.ts'
import type { Runtime, Timer } from '../contract/runtime.ts'
import type { Session } from '../contract/session.ts'

/** What a session needs of its store. */
export interface SessionContext {
  readonly calls: Calls
  readonly runtime: Runtime
  readonly backend: string
  /** The sessions that are open, to be closed with the store. */
  readonly sessions: Set<ClientSession>
}

/**
 * A session that this process keeps alive. It believes in itself until its local deadline only: the send time of the last
 * renewal that was acknowledged, plus the shortest time after which the server may end it, less a margin. What the
 * server gave to somebody else is thus never believed to be ours, whatever became of the answers in between.
 */
export class ClientSession implements Session {
  readonly id: string
  readonly ttl: number
  readonly driverSession: DriverSession
  readonly #context: SessionContext
  // Every lock and key that is bound to the session may listen.
  readonly #controller = sharedController()
  #deadline: number
  #deadlineTimer: Timer | undefined
  #renewalTimer: Timer | undefined
  #failures = 0
  #closing: Promise<void> | undefined

  /** @param sentAt - when the request that opened the session was sent. */
  constructor(context: SessionContext, driverSession: DriverSession, ttl: number, sentAt: number) {
    this.#context = context
    this.driverSession = driverSession
    this.id = driverSession.id
    this.ttl = ttl
    this.#deadline = sentAt + this.#belief
    context.sessions.add(this)
    this.#publish('opened')
    this.#armDeadline()
    this.#scheduleRenewal(this.#interval)
  }

  get signal(): AbortSignal {
    this.isAlive()
    return this.#controller.signal
  }

  isAlive(): boolean {
    if (this.#controller.signal.aborted) return false
    if (this.#context.runtime.now() < this.#deadline) return true
    this.#lose('it could not be renewed in time')
    return false
  }

  /** Ends the belief in the session because the server said that it is gone. */
  expire(): void {
    this.#lose('the server has ended it')
  }

  close(): Promise<void> {
    return (this.#closing ??= this.#close())
  }

  [asyncDispose](): Promise<void> {
    return this.close()
  }

  /** How long a renewal is good for: 2 % and at least 10 ms are kept back for clocks that run at different rates. */
  get #belief(): number {
    const { ttl } = this.driverSession
    return ttl - Math.max(10, ttl * 0.02)
  }

  get #interval(): number {
    return this.driverSession.ttl / 3
  }

  #armDeadline(): void {
    this.#deadlineTimer?.cancel()
    const wait = Math.max(0, this.#deadline - this.#context.runtime.now())
    this.#deadlineTimer = this.#context.runtime.setTimer(
      () => this.isAlive() && this.#armDeadline(),
      wait,
    )
  }

  #scheduleRenewal(wait: number): void {
    this.#renewalTimer = this.#context.runtime.setTimer(() => void this.#renew(), wait)
  }

  async #renew(): Promise<void> {
    if (!this.isAlive()) return
    const { calls, runtime } = this.#context
    const sentAt = runtime.now()
    try {
      await calls.run(
        { operation: 'renew session', repeatable: true },
        // Short of the whole rest, so that a server that hangs leaves time to ask another one.
        { timeout: Math.max(1, (this.#deadline - sentAt) / 2), signal: this.#controller.signal },
        (call) => this.driverSession.renew(call),
      )
    } catch (error) {
      if (this.#controller.signal.aborted) return
      if (isLibkvError(error, 'SESSION_EXPIRED')) {
        this.expire()
        return
      }
      this.#scheduleRenewal(backoff(runtime, this.#failures++, 20, this.#interval))
      return
    }
    if (!this.isAlive()) return
    this.#failures = 0
    // A retry inside the call was sent later than this; the earlier time is the safe one.
    this.#deadline = sentAt + this.#belief
    this.#publish('renewed')
    this.#armDeadline()
    this.#scheduleRenewal(Math.max(0, this.#interval - (runtime.now() - sentAt)))
  }

  #lose(reason: string): void {
    const message = `session ${this.id} on ${this.#context.backend} is over: ${reason}`
    this.#end(
      new LibkvError('SESSION_EXPIRED', message, { backend: this.#context.backend }),
      'lost',
    )
    // The server may still have it; telling it frees the keys for others early.
    this.#closing ??= this.#closeOnServer().catch(() => undefined)
  }

  #close(): Promise<void> {
    const message = `session ${this.id} on ${this.#context.backend} was closed`
    this.#end(new LibkvError('CLOSED', message, { backend: this.#context.backend }), 'closed')
    return this.#closeOnServer()
  }

  async #closeOnServer(): Promise<void> {
    try {
      await this.#context.calls.run(
        { operation: 'close session', repeatable: true, whileClosing: true },
        undefined,
        (call) => this.driverSession.close(call),
      )
    } finally {
      this.#context.sessions.delete(this)
    }
  }

  #end(reason: LibkvError, event: 'lost' | 'closed'): void {
    if (this.#controller.signal.aborted) return
    this.#deadlineTimer?.cancel()
    this.#renewalTimer?.cancel()
    this.#controller.abort(reason)
    // Not before: who hears of it may ask whether the session is alive.
    this.#publish(event)
  }

  #publish(event: SessionMessage['event']): void {
    if (!sessionChannel.hasSubscribers) return
    sessionChannel.publish({ backend: this.#context.backend, id: this.id, event })
  }
}
