import { LibkvError } from '@libkv/core'
import type { Call, DriverSession } from '@libkv/core'
import type { EtcdClient } from './etcd-client.ts'
import { leaseGrant, leaseKeepAlive, leaseRevoke } from './etcd-methods.ts'

/** A lease: etcd's sessions and the time to live of its keys. */
export class EtcdLease implements DriverSession {
  readonly id: string
  /** As granted, in milliseconds. */
  readonly ttl: number
  readonly #client: EtcdClient

  private constructor(client: EtcdClient, id: string, ttl: number) {
    this.#client = client
    this.id = id
    this.ttl = ttl
  }

  /**
   * Asks for a lease of at least `ttl` milliseconds. etcd counts in seconds.
   *
   * @throws LibkvError `INVALID_OPTION` when the server grants much more than was asked for, because its minimum (one and
   * a half election timeouts) is longer.
   */
  static async grant(client: EtcdClient, ttl: number, call: Call): Promise<EtcdLease> {
    const seconds = Math.ceil(ttl / 1000)
    const { ID, TTL } = await client.request(leaseGrant, { TTL: String(seconds) }, call)
    const lease = new EtcdLease(client, ID, Number(TTL) * 1000)
    if (Number(TTL) > seconds + 1) {
      await lease.close(call)
      throw new LibkvError(
        'INVALID_OPTION',
        `ttl is ${String(ttl)}; this server grants no less than ${String(lease.ttl)}`,
      )
    }
    return lease
  }

  /** One request and one answer on a stream of its own: nothing has to be kept alive but the lease. */
  async renew(call: Call): Promise<void> {
    const { stream, metadata } = await this.#client.stream(leaseKeepAlive, call)
    try {
      const reply = await new Promise<{ TTL: string }>((resolve, reject) => {
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
      if (Number(reply.TTL) <= 0) throw gone()
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
      if (!(error instanceof LibkvError) || error.code !== 'SESSION_EXPIRED') throw error
    }
  }
}

const gone = (): LibkvError => new LibkvError('SESSION_EXPIRED', 'the lease is gone')
