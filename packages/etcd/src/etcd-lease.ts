import { BackgroundCall } from '@libkv/core/driver'
import { LibkvError, isLibkvError } from '@libkv/core'
import type { Call, DriverSession } from '@libkv/core/driver'
import type { EtcdClient } from './etcd-client.ts'
import { leaseGrant, leaseKeepAlive, leaseRevoke } from './etcd-methods.ts'
import type { ResolvedEtcdOptions } from './etcd-options.ts'

/** A lease: etcd's sessions, and the time to live of its keys. */
export class EtcdLease implements DriverSession {
  readonly id: string
  /** As granted, in milliseconds. */
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

/** Grants leases, and sees to it that none is left that nobody knows of. */
export class EtcdLeases {
  readonly #client: EtcdClient
  readonly #options: ResolvedEtcdOptions
  readonly #pending = new Set<Promise<unknown>>()

  constructor(client: EtcdClient, options: ResolvedEtcdOptions) {
    this.#client = client
    this.#options = options
  }

  /**
   * Asks for a lease of at least `ttl` milliseconds. etcd counts in seconds. The request is seen through when the call is
   * cancelled, since only its answer tells what to revoke.
   *
   * @throws LibkvError `INVALID_OPTION` when the server grants much more than was asked for, because its minimum (one and
   * a half election timeouts) is longer.
   */
  grant(ttl: number, call: Call): Promise<EtcdLease> {
    const granting = this.#grant(ttl)
    const settled = granting.then(
      (lease) => {
        if (call.settled) this.revoke(lease)
      },
      () => undefined,
    )
    this.#track(settled)
    return granting
  }

  /** Gives a lease back in the background. It would go by itself, in time. */
  revoke(lease: EtcdLease): void {
    this.#track(this.#detached((call) => lease.close(call)).catch(() => undefined))
  }

  /** Resolves when nothing is left to be done. */
  async drain(): Promise<void> {
    while (this.#pending.size > 0) await Promise.all(this.#pending)
  }

  async #grant(ttl: number): Promise<EtcdLease> {
    const seconds = Math.ceil(ttl / 1000)
    // An id of our own choice can be revoked also when the answer is lost.
    const lease = new EtcdLease(this.#client, this.#newId(), seconds * 1000)
    const request = { ID: lease.id, TTL: String(seconds) }
    try {
      const { TTL } = await this.#detached((call) =>
        this.#client.request(leaseGrant, request, call),
      )
      const granted = new EtcdLease(this.#client, lease.id, Number(TTL) * 1000)
      if (Number(TTL) <= seconds + 1) return granted
      this.revoke(granted)
      const message = `ttl is ${String(ttl)}; this server grants no less than ${String(granted.ttl)}`
      throw new LibkvError('INVALID_OPTION', message)
    } catch (error) {
      if (!isLibkvError(error) || !error.ambiguous) throw error
      this.revoke(lease)
      // Nobody will ever see that lease: to ask for another one is safe.
      const { code, message, retryable, cause } = error
      throw new LibkvError(code, message, { retryable, cause })
    }
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

  #newId(): string {
    const bits = this.#options.runtime.uuid().replaceAll('-', '').slice(0, 16)
    return BigInt.asUintN(63, BigInt(`0x${bits}`)).toString()
  }

  #track(work: Promise<unknown>): void {
    const tracked = work.finally(() => this.#pending.delete(tracked))
    this.#pending.add(tracked)
  }
}
