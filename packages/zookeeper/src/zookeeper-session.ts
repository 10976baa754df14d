import type { Call, DriverSession } from '@libkv/core/driver'
import type { ZooKeeperClient } from './client/index.ts'
import type { Housekeeping } from './zookeeper-housekeeping.ts'
import { ZooKeeperConnection } from './zookeeper-connection.ts'
import { errorOfSession } from './zookeeper-errors.ts'
import type { ResolvedZooKeeperOptions } from './zookeeper-options.ts'

/**
 * A session of ZooKeeper, on a connection of its own: so it lasts as long as it is kept alive, whatever becomes of the others.
 */
export class ZooKeeperSession implements DriverSession {
  readonly id: string
  readonly ttl: number
  readonly sentAt: number
  readonly connection: ZooKeeperConnection
  readonly #client: ZooKeeperClient
  readonly #housekeeping: Housekeeping
  readonly #unref: () => void
  /** Where keys were bound to it. */
  readonly #paths = new Set<string>()

  constructor(
    client: ZooKeeperClient,
    { tickTime, readBarrier }: ResolvedZooKeeperOptions,
    housekeeping: Housekeeping,
  ) {
    this.#client = client
    this.#housekeeping = housekeeping
    this.#unref = client.ref()
    this.connection = new ZooKeeperConnection(client, readBarrier)
    this.id = `0x${BigInt.asUintN(64, client.sessionId).toString(16)}`
    // The servers may end it so much earlier than they have granted.
    this.ttl = client.negotiatedTimeout - tickTime / 2
    // To connect may have taken longer than the session lasts.
    this.sentAt = client.answeredAt
  }

  /** Keys were bound to it at those paths. */
  bound(path: string): void {
    this.#paths.add(path)
  }

  async renew(call: Call): Promise<void> {
    try {
      // The leader answers it: a server that is cut off from the leader goes on answering reads for a while, and the leader may
      // have ended the session by then.
      await this.#client.sync('/', call)
    } catch (error) {
      throw errorOfSession(error)
    }
  }

  async close(): Promise<void> {
    await this.#client.close()
    this.#unref()
    for (const path of this.#paths) this.#housekeeping.removed(path)
  }
}

/** The session that a write names. */
export function sessionOf(session: DriverSession): ZooKeeperSession {
  if (session instanceof ZooKeeperSession) return session
  throw new TypeError('the session is one of another backend')
}
