import { onAbort } from '@libkv/core/recipe'
import type { Runtime, Session, Store } from '@libkv/core'

/** What a registrar keeps registered. */
export interface Registered {
  /** The session that held its entry is over. */
  refresh(): void
  deregister(): Promise<void>
  /** Gives up also what is done in the background. */
  abandon(): void
}

/** The session to which all instances of one process are bound that have the same take-over time. */
export class Registrar {
  readonly store: Store
  readonly runtime: Runtime
  /** The directory of all services. */
  readonly prefix: string
  /** The take-over time, in milliseconds. */
  readonly ttl: number
  readonly #registered = new Set<Registered>()
  readonly #closing = new Set<Promise<unknown>>()
  #session: Session | undefined
  #opening: Promise<Session> | undefined

  constructor(store: Store, runtime: Runtime, prefix: string, ttl: number) {
    this.store = store
    this.runtime = runtime
    this.prefix = prefix
    this.ttl = ttl
  }

  /** The session, which is opened if there is none. */
  async session(): Promise<Session> {
    if (this.#session?.isAlive() === true) return this.#session
    this.#opening ??= this.#open().finally(() => {
      this.#opening = undefined
    })
    return this.#opening
  }

  add(registered: Registered): void {
    this.#registered.add(registered)
  }

  /** A session that holds nothing is closed. */
  remove(registered: Registered): void {
    this.#registered.delete(registered)
    if (this.#registered.size === 0) this.#closeSession()
  }

  /** Deregisters all that is registered. What the store cannot be told goes by itself, as after a crash. */
  async close(): Promise<void> {
    const registered = [...this.#registered]
    await Promise.allSettled(registered.map((each) => each.deregister()))
    for (const each of registered) each.abandon()
    this.#registered.clear()
    this.#closeSession()
    await this.#opening?.catch(() => undefined)
    while (this.#closing.size > 0) await Promise.all(this.#closing)
  }

  async #open(): Promise<Session> {
    const session = await this.store.session({ ttl: this.ttl })
    this.#session = session
    const { signal } = session
    onAbort(signal, () => {
      this.#ended(session)
    })
    if (signal.aborted) this.#ended(session)
    // Opened for somebody who has given up since.
    if (this.#registered.size === 0) this.#closeSession()
    return session
  }

  #ended(session: Session): void {
    if (this.#session !== session) return
    this.#session = undefined
    for (const registered of [...this.#registered]) registered.refresh()
  }

  #closeSession(): void {
    const session = this.#session
    this.#session = undefined
    if (session === undefined) return
    // What cannot be told to the server goes by itself.
    const closing = session
      .close()
      .catch(() => undefined)
      .finally(() => this.#closing.delete(closing))
    this.#closing.add(closing)
  }
}
