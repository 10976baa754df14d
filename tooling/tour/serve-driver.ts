import { BackgroundCall, systemRuntime } from '@libkv/core/driver'
import { LibkvError } from '@libkv/core'
import type {
  Call,
  Change,
  CommitOutcome,
  Driver,
  DriverSession,
  Entry,
  Observation,
  Scope,
  Write,
} from '@libkv/core/driver'
import { packed, post } from './channel.ts'
import type { Channel, Operations, Request, SentWrite } from './channel.ts'

type Served = {
  readonly [O in keyof Operations]: (
    call: Call,
    ...args: Parameters<Operations[O]>
  ) => Promise<ReturnType<Operations[O]>>
}

/**
 * Serves a driver to the `ChannelDriver` at the other end, until that is gone. The sessions it had opened are left to expire, as
 * a server leaves those of a client that has crashed.
 */
export function serveDriver(driver: Driver, channel: Channel): void {
  const operations = operationsOf(driver)
  const calls = new Map<number, BackgroundCall>()
  const feeds = new Map<number, Observation>()

  const carryOut = async (request: Request & { type: 'call' }): Promise<void> => {
    const { id, operation, args, timeout, connectTimeout } = request
    const call = new BackgroundCall({
      runtime: systemRuntime,
      requestTimeout: timeout,
      connectionTimeout: connectTimeout,
    })
    calls.set(id, call)
    const serve = operations[operation] as (call: Call, ...args: unknown[]) => Promise<unknown>
    try {
      post(channel, { type: 'answer', id, answer: await serve(call, ...args) })
    } catch (error) {
      post(channel, { type: 'failure', id, error: packed(error) })
    } finally {
      call.done()
      calls.delete(id)
    }
  }

  const observe = (id: number, scope: Scope): Observation =>
    driver.observe(scope, {
      snapshot: (entries, revision) => {
        post(channel, { type: 'snapshot', id, entries: entries.map(plain), revision })
      },
      changes: (changes, revision) => {
        post(channel, { type: 'changes', id, changes: changes.map(plainChange), revision })
      },
      fail: (error) => {
        post(channel, { type: 'over', id, error: packed(error) })
      },
    })

  channel.on('message', (message) => {
    const request = message as Request
    const { id } = request
    switch (request.type) {
      case 'call':
        void carryOut(request)
        break
      case 'cancel':
        calls.get(id)?.cancel()
        break
      case 'observe':
        feeds.set(id, observe(id, request.scope))
        break
      case 'unobserve':
        feeds.get(id)?.close()
        feeds.delete(id)
        break
      default:
      // The channel carries other things as well.
    }
  })
  channel.on('disconnect', () => {
    for (const call of calls.values()) call.cancel()
    for (const feed of feeds.values()) feed.close()
  })
}

function operationsOf(driver: Driver): Served {
  const sessions = new Map<string, DriverSession>()
  const sessionOf = (id: string): DriverSession => {
    const session = sessions.get(id)
    if (session === undefined) throw new LibkvError('SESSION_EXPIRED', 'the session is gone')
    return session
  }
  const withSession = (write: SentWrite): Write => {
    if (write.type === 'delete') return write
    const { sessionId, ...rest } = write
    return { ...rest, session: sessionId === undefined ? undefined : sessionOf(sessionId) }
  }
  return {
    read: async (call, key, request) => {
      const entry = await driver.read(key, request, call)
      return entry && plain(entry)
    },
    scan: async (call, prefix, request) => {
      const { entries } = await driver.scan(prefix, request, call)
      return { entries: entries.map(plain) }
    },
    commit: async (call, checks, writes) =>
      plainOutcome(await driver.commit(checks, writes.map(withSession), call)),
    removeTree: (call, prefix, ranges) => driver.removeTree(prefix, ranges, call),
    openSession: async (call, ttl) => {
      const session = await driver.openSession(ttl, call)
      sessions.set(session.id, session)
      return { id: session.id, ttl: session.ttl }
    },
    renewSession: async (call, id) => sessionOf(id).renew(call),
    closeSession: async (call, id) => {
      await sessions.get(id)?.close(call)
      sessions.delete(id)
    },
    ping: (call) => driver.ping(call),
  }
}

/** An entry and nothing else: a driver may have kept things with it that cannot travel. */
const plain = ({ key, value, revision, createRevision }: Entry): Entry => ({
  key,
  value,
  revision,
  createRevision,
})

const plainChange = (change: Change): Change =>
  change.type === 'put' ? { type: 'put', entry: plain(change.entry) } : change

const plainOutcome = (outcome: CommitOutcome): CommitOutcome =>
  outcome.committed ? outcome : { ...outcome, current: outcome.current && plain(outcome.current) }
