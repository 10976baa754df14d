import { BackgroundCall } from '@libkv/core/driver'
import { LibkvError, isLibkvError } from '@libkv/core'
import type { Call, DriverSession } from '@libkv/core/driver'
import type { ConsulClient } from './consul-client.ts'
import type { ResolvedConsulOptions } from './consul-options.ts'

/**
 * How long Consul lets a session live after its last renewal, in multiples of its TTL. It documents "at least once"; every
 * version of it takes twice.
 */
export const SESSION_TTL_MULTIPLIER = 2

/** A session of Consul: that of a {@link Session}, or the time to live of one key. */
export class ConsulSession implements DriverSession {
  readonly id: string
  /** As sent, in milliseconds: what is documented as the least. */
  readonly ttl: number
  readonly #client: ConsulClient

  constructor(client: ConsulClient, id: string, ttl: number) {
    this.#client = client
    this.id = id
    this.ttl = ttl
  }

  async renew(call: Call): Promise<void> {
    await this.#client
      .request({ method: 'PUT', path: `session/renew/${this.id}` }, [200, 404], call)
      .then(({ status }) => {
        if (status === 404) throw new LibkvError('SESSION_EXPIRED', 'the session is gone')
      })
  }

  async close(call: Call): Promise<void> {
    await this.#client.library(call, (consul, common) =>
      consul.session.destroy({ id: this.id, ...common } as { id: string }),
    )
  }
}

/** Creates sessions, and sees to it that none is left that nobody knows of. */
export class ConsulSessions {
  readonly #client: ConsulClient
  readonly #options: ResolvedConsulOptions
  readonly #pending = new Set<Promise<unknown>>()

  constructor(client: ConsulClient, options: ResolvedConsulOptions) {
    this.#client = client
    this.#options = options
  }

  /**
   * Creates a session that is over `lifetime` milliseconds after its last renewal. The request is seen through when the
   * call is cancelled, since only its answer tells what to destroy.
   */
  create(lifetime: number, call: Call): Promise<ConsulSession> {
    const creating = this.#create(Math.ceil(lifetime / SESSION_TTL_MULTIPLIER))
    const settled = creating.then(
      (session) => {
        if (call.settled) this.destroy(session)
      },
      () => undefined,
    )
    this.#track(settled)
    return creating
  }

  /** Gives a session back in the background. It would go by itself, in time. */
  destroy(session: ConsulSession): void {
    this.#track(this.#detached((call) => session.close(call)).catch(() => undefined))
  }

  /** As {@link destroy}, of one that is known by its id alone. */
  destroyById(id: string): void {
    this.destroy(new ConsulSession(this.#client, id, 0))
  }

  /** Resolves when nothing is left to be done. */
  async drain(): Promise<void> {
    while (this.#pending.size > 0) await Promise.all(this.#pending)
  }

  async #create(ttl: number): Promise<ConsulSession> {
    // Consul chooses the id; by the name a session is found also when the answer is lost.
    const name = `libkv-${this.#options.runtime.uuid()}`
    const request = {
      name,
      ttl: `${String(ttl)}ms`,
      behavior: 'delete',
      // The default keeps the keys of a session that ended locked for 15 s.
      lockdelay: '0s',
      // By default a session ends with the health of the agent's node, however long its TTL.
      checks: [],
    } as const
    try {
      const created = await this.#detached((call) =>
        this.#client.library(call, (consul, common) =>
          consul.session.create({ ...request, checks: [], ...common }),
        ),
      )
      // The package takes an answer that was cut off for an empty one.
      const { ID } = created as Partial<typeof created>
      if (typeof ID === 'string') return new ConsulSession(this.#client, ID, ttl)
      throw new LibkvError('NOT_REACHABLE', 'the answer was cut off', {
        retryable: true,
        ambiguous: true,
      })
    } catch (error) {
      if (!isLibkvError(error)) throw error
      const { code, message, retryable, cause } = error
      if (code === 'INVALID_OPTION') {
        const hint = "minimumTtl is to be the servers' session_ttl_min"
        throw new LibkvError(code, `${message} (${hint})`, { cause })
      }
      if (!error.ambiguous) throw error
      this.#track(this.#destroyByName(name).catch(() => undefined))
      // Nobody will ever use that session: to ask for another one is safe.
      throw new LibkvError(code, message, { retryable, cause })
    }
  }

  async #destroyByName(name: string): Promise<void> {
    const sessions = await this.#detached((call) =>
      this.#client.library(call, (consul, common) => consul.session.list(common as object)),
    )
    const lost = sessions.find(({ Name }) => Name === name)
    if (lost !== undefined) this.destroyById(lost.ID)
  }

  async #detached<T>(work: (call: Call) => Promise<T>): Promise<T> {
    const { runtime, requestTimeout, connectionTimeout } = this.#options
    const call = new BackgroundCall(runtime, requestTimeout, connectionTimeout)
    try {
      return await work(call)
    } finally {
      call.done()
    }
  }

  #track(work: Promise<unknown>): void {
    const tracked = work.finally(() => this.#pending.delete(tracked))
    this.#pending.add(tracked)
  }
}
