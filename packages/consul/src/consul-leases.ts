import { LibkvError, isLibkvError } from '@libkv/core'
import type { Call, DriverSession, LeaseSource } from '@libkv/core/driver'
import type { ConsulClient } from './consul-client.ts'

/**
 * How long Consul keeps a session after its last renewal, in multiples of its TTL. It documents "at least once"; every
 * version of it takes twice.
 */
export const SESSION_TTL_MULTIPLIER = 2

/** A session of Consul: that of a user, or the time to live of one key. */
export class ConsulLease implements DriverSession {
  readonly id: string
  /** As sent, in ms: the documented minimum. */
  readonly ttl: number
  readonly #client: ConsulClient

  constructor(client: ConsulClient, id: string, ttl: number) {
    this.#client = client
    this.id = id
    this.ttl = ttl
  }

  async renew(call: Call): Promise<void> {
    const path = `session/renew/${this.id}`
    const { status } = await this.#client.request({ method: 'PUT', path }, [200, 404], call)
    if (status === 404) throw new LibkvError('SESSION_EXPIRED', 'the session is gone')
  }

  async close(call: Call): Promise<void> {
    await this.#client.request({ method: 'PUT', path: `session/destroy/${this.id}` }, [200], call)
  }
}

/**
 * Creates sessions (https://developer.hashicorp.com/consul/api-docs/session). Consul chooses their ids; after a lost answer a
 * session is found by its name.
 */
export class ConsulLeases implements LeaseSource<ConsulLease> {
  readonly #client: ConsulClient

  constructor(client: ConsulClient) {
    this.#client = client
  }

  async grant(ttl: number, name: string, call: Call): Promise<ConsulLease> {
    const sessionTtl = Math.ceil(ttl / SESSION_TTL_MULTIPLIER)
    const request = {
      Name: `libkv-${name}`,
      TTL: `${String(sessionTtl)}ms`,
      Behavior: 'delete',
      // The default keeps the keys of a session that ended locked for 15 s.
      LockDelay: '0s',
      // By default a session ends with the health of the agent's node, however long its TTL.
      Checks: [],
    }
    const { body } = await this.#client
      .request(
        { method: 'PUT', path: 'session/create', body: JSON.stringify(request) },
        [200],
        call,
      )
      .catch((error: unknown) => {
        throw isLibkvError(error, 'INVALID_OPTION') ? withHint(error) : error
      })
    return new ConsulLease(this.#client, idIn(body), sessionTtl)
  }

  async revokeLost(name: string, call: Call): Promise<void> {
    const request = { method: 'GET', path: 'session/list' } as const
    const { body } = await this.#client.request(request, [200], call)
    const sessions = JSON.parse(body.toString()) as { readonly ID: string; readonly Name: string }[]
    const lost = sessions.find(({ Name }) => Name === `libkv-${name}`)
    if (lost !== undefined) await new ConsulLease(this.#client, lost.ID, 0).close(call)
  }
}

/** @throws LibkvError `NOT_REACHABLE`, ambiguous, for an answer without an id: the session may exist. */
function idIn(body: Buffer): string {
  const { ID } = (body.length === 0 ? {} : JSON.parse(body.toString())) as { readonly ID?: unknown }
  if (typeof ID === 'string') return ID
  throw new LibkvError('NOT_REACHABLE', 'the answer was cut off', {
    retryable: true,
    ambiguous: true,
  })
}

const withHint = (error: LibkvError): LibkvError =>
  error.with({ message: `${error.message} (set minimumTtl to the servers' session_ttl_min)` })
