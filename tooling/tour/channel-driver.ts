import { LibkvError } from '@libkv/core'
import { systemRuntime } from '@libkv/core/driver'
import type {
  Call,
  Check,
  CommitOutcome,
  Driver,
  DriverSession,
  Entry,
  KeyRange,
  Observation,
  Observer,
  ReadRequest,
  Scan,
  Scope,
  Write,
} from '@libkv/core/driver'
import type { Capabilities } from '@libkv/core'
import { post, unpacked } from './channel.ts'
import type { Channel, Operations, Reply, SentWrite } from './channel.ts'

/** What is to be known of a driver before it is asked anything. */
export type DriverFacts = Pick<Driver, 'backend' | 'endpoint' | 'capabilities'>

interface Pending {
  readonly resolve: (answer: never) => void
  readonly reject: (error: Error) => void
}

/** The driver of another process, which serves it with `serveDriver`: to a store it is as good as one that is here. */
export class ChannelDriver implements Driver {
  readonly backend: string
  readonly endpoint: string
  readonly capabilities: Capabilities
  readonly #channel: Channel
  readonly #pending = new Map<number, Pending>()
  readonly #observers = new Map<number, Observer>()
  #lastId = 0

  constructor(facts: DriverFacts, channel: Channel) {
    this.backend = facts.backend
    this.endpoint = facts.endpoint
    this.capabilities = facts.capabilities
    this.#channel = channel
    channel.on('message', (message) => {
      this.#hear(message as Reply)
    })
    channel.on('disconnect', () => {
      for (const { reject } of this.#pending.values()) reject(unreachable(true))
      this.#pending.clear()
    })
  }

  read(key: string, request: ReadRequest, call: Call): Promise<Entry | null> {
    return this.#ask(call, 'read', key, request)
  }

  scan(prefix: string, request: ReadRequest, call: Call): Promise<Scan> {
    return this.#ask(call, 'scan', prefix, request)
  }

  commit(checks: readonly Check[], writes: readonly Write[], call: Call): Promise<CommitOutcome> {
    return this.#ask(call, 'commit', checks, writes.map(withSessionId))
  }

  removeTree(prefix: string, ranges: readonly KeyRange[], call: Call): Promise<number> {
    return this.#ask(call, 'removeTree', prefix, ranges)
  }

  observe(scope: Scope, observer: Observer): Observation {
    const id = ++this.#lastId
    this.#observers.set(id, observer)
    post(this.#channel, { type: 'observe', id, scope })
    return {
      close: () => {
        if (this.#observers.delete(id)) post(this.#channel, { type: 'unobserve', id })
      },
    }
  }

  async openSession(ttl: number, call: Call): Promise<DriverSession> {
    const session = await this.#ask(call, 'openSession', ttl)
    return {
      ...session,
      renew: (renewal) => this.#ask(renewal, 'renewSession', session.id),
      close: (closing) => this.#ask(closing, 'closeSession', session.id),
    }
  }

  ping(call: Call): Promise<void> {
    return this.#ask(call, 'ping')
  }

  async close(): Promise<void> {
    // The channel belongs to whoever made it, and feeds are closed by their watches.
  }

  #ask<O extends keyof Operations>(
    call: Call,
    operation: O,
    ...args: Parameters<Operations[O]>
  ): Promise<ReturnType<Operations[O]>> {
    return new Promise((resolve, reject) => {
      const id = ++this.#lastId
      const now = systemRuntime.now()
      const timeout = Math.max(0, call.deadline - now)
      const connectTimeout = Math.max(0, call.connectDeadline - now)
      // An answer that comes too late still has to come: core gives back what it brings, such as a session.
      this.#pending.set(id, { resolve, reject })
      call.onCancel(() => {
        post(this.#channel, { type: 'cancel', id })
      })
      if (this.#channel.connected) call.markSent()
      post(this.#channel, { type: 'call', id, operation, args, timeout, connectTimeout }, () => {
        this.#pending.delete(id)
        reject(unreachable(false))
      })
    })
  }

  #hear(reply: Reply): void {
    const { id } = reply
    switch (reply.type) {
      case 'answer':
        this.#pending.get(id)?.resolve(reply.answer as never)
        this.#pending.delete(id)
        break
      case 'failure':
        this.#pending.get(id)?.reject(unpacked(reply.error))
        this.#pending.delete(id)
        break
      case 'snapshot':
        this.#observers.get(id)?.snapshot(reply.entries, reply.revision)
        break
      case 'changes':
        this.#observers.get(id)?.changes(reply.changes, reply.revision)
        break
      case 'over':
        this.#observers.get(id)?.fail(unpacked(reply.error))
        break
      default:
      // The channel carries other things as well.
    }
  }
}

function withSessionId(write: Write): SentWrite {
  if (write.type === 'delete') return write
  const { session, ...rest } = write
  return { ...rest, sessionId: session?.id }
}

const unreachable = (ambiguous: boolean): LibkvError =>
  new LibkvError('NOT_REACHABLE', 'the process that has the store is gone', {
    retryable: true,
    ambiguous,
  })
