import assert from 'node:assert/strict'
import { subscribe, tracingChannel, unsubscribe } from 'node:diagnostics_channel'
import { put } from '@libkv/core'
import type { CallMessage, KVPair, SessionMessage, Store, WatchMessage } from '@libkv/core'
import { group, withoutTransactions } from '../group.ts'
import type { CaseGroup } from '../group.ts'
import { refusal } from '../refusal.ts'
import { States } from '../states.ts'

interface Seen {
  readonly event: 'start' | 'end' | 'asyncStart' | 'asyncEnd' | 'error'
  readonly message: CallMessage
}

/** Listens to the calls of all stores. */
class CallLog implements Disposable {
  readonly #seen: Seen[] = []
  readonly #stop: () => void

  constructor() {
    const calls = tracingChannel<CallMessage>('libkv:call')
    const note =
      (event: Seen['event']) =>
      (message: unknown): void => {
        this.#seen.push({ event, message: message as CallMessage })
      }
    const listeners = {
      start: note('start'),
      end: note('end'),
      asyncStart: note('asyncStart'),
      asyncEnd: note('asyncEnd'),
      error: note('error'),
    }
    calls.subscribe(listeners)
    this.#stop = () => {
      calls.unsubscribe(listeners)
    }
  }

  of(operation: string, event: Seen['event'], key?: string): CallMessage[] {
    const isWanted = ({ message, ...seen }: Seen): boolean =>
      seen.event === event && message.operation === operation && message.key === key
    return this.#seen.filter(isWanted).map(({ message }) => message)
  }

  get all(): readonly Seen[] {
    return this.#seen
  }

  [Symbol.dispose](): void {
    this.#stop()
  }
}

/** Listens to a plain channel. */
class ChannelLog<T> implements Disposable {
  readonly seen: T[] = []
  readonly #name: string

  constructor(name: string) {
    this.#name = name
    subscribe(name, this.#note)
  }

  [Symbol.dispose](): void {
    unsubscribe(this.#name, this.#note)
  }

  readonly #note = (message: unknown): void => {
    this.seen.push(message as T)
  }
}

type Operation = (store: Store, key: string, pair: KVPair) => Promise<unknown>

const operations: Readonly<Record<string, Operation>> = {
  get: (store, key) => store.get(key),
  exists: (store, key) => store.exists(key),
  list: (store, key) => store.list(key),
  keys: (store, key) => store.keys(key),
  put: (store, key) => store.put(key, 'v'),
  delete: (store, key) => store.delete(key),
  deleteTree: (store, key) => store.deleteTree(key),
  atomicPut: (store, key, pair) => store.atomicPut(key, 'v', pair),
  atomicDelete: (store, key, pair) => store.atomicDelete(key, pair),
}

const secret = 'the-secret-value'

/** Whether a text is anywhere in an object, as text or as bytes. */
function holds(value: unknown, text: string, seen = new Set<unknown>()): boolean {
  if (typeof value === 'string') return value.includes(text)
  if (typeof value !== 'object' || value === null || seen.has(value)) return false
  seen.add(value)
  if (ArrayBuffer.isView(value)) {
    return Buffer.from(value.buffer, value.byteOffset, value.byteLength).includes(text)
  }
  const members: unknown[] = value instanceof Map ? [...value.values()] : Object.values(value)
  return members.some((member) => holds(member, text, seen))
}

export const diagnosticsCases: CaseGroup = group('diagnostics', ({ it, target }) => {
  for (const [operation, run] of Object.entries(operations)) {
    it(`publishes ${operation} with its key`, async ({ kv, key }) => {
      const pair = await kv.put(key(), 'v')
      using log = new CallLog()
      await run(kv, key(), pair)
      const [started, ...more] = log.of(operation, 'start', key())
      assert.equal(more.length, 0)
      assert.equal(started?.backend, kv.backend)
      assert.equal(started.namespace, target.namespace ?? '')
      assert.equal(typeof started.endpoint, 'string')
      const [ended] = log.of(operation, 'asyncEnd', key())
      assert.equal(ended, started)
      assert.equal(log.of(operation, 'error', key()).length, 0)
    })
  }

  for (const operation of ['session', 'ready'] as const) {
    it(`publishes ${operation}, which has no key`, async ({ kv }) => {
      using log = new CallLog()
      await kv[operation]()
      assert.ok(log.of(operation, 'start').length > 0)
      assert.ok(log.of(operation, 'asyncEnd').length > 0)
    })
  }

  it(
    'publishes transaction, which has several keys',
    async ({ kv, key }) => {
      using log = new CallLog()
      await kv.transaction([put(key('a'), 'v'), put(key('b'), 'v')])
      assert.ok(log.of('transaction', 'start').length > 0)
      assert.ok(log.of('transaction', 'asyncEnd').length > 0)
    },
    withoutTransactions(target),
  )

  it('publishes an abort as an error, with the reason', async ({ kv, key }) => {
    using log = new CallLog()
    const reason = new Error('too early')
    await kv.get(key(), { signal: AbortSignal.abort(reason) }).catch(() => undefined)
    const [failed] = log.of('get', 'error', key())
    assert.equal(failed?.error, reason)
  })

  it('publishes a call on a closed store as an error', async ({ open, key }) => {
    const store = await open()
    await store.close()
    using log = new CallLog()
    await refusal(store.get(key()), 'CLOSED')
    const [failed] = log.of('get', 'error', key())
    assert.equal((failed?.error as { code?: string } | undefined)?.code, 'CLOSED')
  })

  it('publishes a conflict as an error, since the call rejects', async ({ kv, key }) => {
    await kv.put(key(), 'v')
    using log = new CallLog()
    await refusal(kv.atomicPut(key(), 'w', null), 'KEY_EXISTS')
    const [failed] = log.of('atomicPut', 'error', key())
    assert.equal((failed?.error as { code?: string } | undefined)?.code, 'KEY_EXISTS')
  })

  it('never publishes a value', async ({ kv, key, dir }) => {
    using log = new CallLog()
    const pair = await kv.put(key(), secret)
    await kv.get(key())
    await kv.list(dir)
    await kv.atomicPut(key(), secret, pair)
    await kv.deleteTree(dir)
    assert.ok(log.all.length > 0)
    for (const { message, event } of log.all) {
      assert.ok(!holds(message, secret), `${message.operation} ${event} shows a value`)
    }
  })

  it('publishes the life of a session', async ({ kv, ttl }) => {
    using log = new ChannelLog<SessionMessage>('libkv:session')
    const session = await kv.session({ ttl })
    await session.close()
    const events = log.seen.filter(({ id }) => id === session.id)
    assert.equal(events[0]?.event, 'opened')
    assert.equal(events[0].backend, kv.backend)
    assert.equal(events.at(-1)?.event, 'closed')
  })

  it('publishes the loss of a session', async ({ openFreezable, ttl }) => {
    using log = new ChannelLog<SessionMessage>('libkv:session')
    const { store, runtime } = await openFreezable()
    const session = await store.session({ ttl })
    runtime.leap(ttl * 3)
    assert.equal(session.isAlive(), false)
    const events = log.seen.filter(({ id }) => id === session.id)
    assert.equal(events.at(-1)?.event, 'lost')
  })

  it('publishes the life of a watch', async ({ kv, key }) => {
    using log = new ChannelLog<WatchMessage>('libkv:watch')
    const states = new States(kv.watch(key()))
    await states.next()
    await states.stop()
    const events = log.seen.filter((message) => message.key === key()).map(({ event }) => event)
    assert.deepEqual(events, ['opened', 'state', 'ended'])
  })

  it('is silent when nobody listens any more', async ({ kv, key }) => {
    const log = new CallLog()
    log[Symbol.dispose]()
    await kv.put(key(), 'v')
    assert.equal(log.all.length, 0)
  })
})
