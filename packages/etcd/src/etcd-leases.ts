import { LibkvError, isLibkvError } from '@libkv/core'
import type { Call, DriverSession, LeaseSource } from '@libkv/core/driver'
import type { EtcdClient } from './etcd-client.ts'
import { leaseGrant, leaseKeepAlive, leaseRevoke } from './etcd-methods.ts'

/** A lease: etcd's sessions, and the time to live of its keys. */
export class EtcdLease implements DriverSession {
  readonly id: string
  /** As granted, in ms. */
  readonly ttl: number
  readonly #client: EtcdClient

  constructor(client: EtcdClient, id: string, ttl: number) {
    this.#client = client
    this.id = id
    this.ttl = ttl
  }

  /** One request and one answer on a stream of its own: nothing has to be kept alive but the lease. */
  async renew(call: Call): Promise<void> {
    const { stream, metadata } = await this.#client.stream(leaseKeepAlive, call)
    try {
      const { TTL } = await new Promise<{ TTL: string }>((resolve, reject) => {
        stream.once('data', resolve)
        stream.once('error', reject)
        stream.once('end', () => {
          reject(new LibkvError('NOT_REACHABLE', 'the stream ended', { retryable: true }))
        })
        call.onCancel(() => {
          stream.cancel()
        })
        stream.write({ ID: this.id })
      })
      if (Number(TTL) <= 0) throw new LibkvError('SESSION_EXPIRED', 'the lease is gone')
    } catch (error) {
      throw this.#client.streamFailed(error, metadata)
    } finally {
      stream.cancel()
    }
  }

  async close(call: Call): Promise<void> {
    try {
      await this.#client.request(leaseRevoke, { ID: this.id }, call)
    } catch (error) {
      if (!isLibkvError(error, 'SESSION_EXPIRED')) throw error
    }
  }
}

/** Grants leases of etcd, which count in seconds. Their ids are chosen here, so that a lost answer loses no lease. */
export class EtcdLeases implements LeaseSource<EtcdLease> {
  readonly #client: EtcdClient

  constructor(client: EtcdClient) {
    this.#client = client
  }

  /**
   * @throws LibkvError `INVALID_OPTION` when the server grants much more than requested, because its minimum (one and a half
   * election timeouts) is longer.
   */
  async grant(ttl: number, name: string, call: Call): Promise<EtcdLease> {
    const seconds = Math.ceil(ttl / 1000)
    const id = leaseId(name)
    const { TTL } = await this.#client.request(leaseGrant, { ID: id, TTL: String(seconds) }, call)
    const lease = new EtcdLease(this.#client, id, Number(TTL) * 1000)
    if (Number(TTL) <= seconds + 1) return lease
    await lease.close(call).catch(() => undefined)
    const message = `ttl is ${String(ttl)}; this server grants no less than ${String(lease.ttl)}`
    throw new LibkvError('INVALID_OPTION', message)
  }

  async revokeLost(name: string, call: Call): Promise<void> {
    await new EtcdLease(this.#client, leaseId(name), 0).close(call)
  }
}

/** A lease id is a positive 64-bit integer; this one is made of the first half of a UUID. */
function leaseId(uuid: string): string {
  const bits = uuid.replaceAll('-', '').slice(0, 16)
  return BigInt.asUintN(63, BigInt(`0x${bits}`)).toString()
}
