import { afterEach, beforeEach, describe, expect, it } from '@jest/globals'
import type { Store } from '@libkv/core'
import { turn } from '../../core/test/manual-runtime.ts'
import type { ManualRuntime } from '../../core/test/manual-runtime.ts'
import { Discovery } from '../src/index.ts'
import type { NewInstance } from '../src/index.ts'
import { VirtualServer } from './virtual-server.ts'

const TTL = 12_000
const KEY = 'services/web/a'
const a: NewInstance = { service: 'web', id: 'a', address: '10.0.0.1', port: 80 }

let server: VirtualServer
let runtime: ManualRuntime
let kv: Store
let discovery: Discovery

beforeEach(() => {
  server = new VirtualServer()
  runtime = server.runtime
  kv = server.open()
  discovery = new Discovery(kv, { ttl: TTL, runtime })
})

afterEach(async () => {
  server.faults.reset()
  await settled(discovery.close())
  await settled(server.close())
  await runtime.advance(2 * TTL)
  expect(runtime.pendingTimers).toBe(0)
})

async function settled<T>(work: Promise<T>): Promise<T> {
  let isDone = false
  const note = (): void => {
    isDone = true
  }
  work.then(note, note)
  while (!isDone) await runtime.advance(10)
  return work
}

/** What others see of the instance; undefined when it is not registered. */
async function entry(): Promise<Record<string, unknown> | undefined> {
  const { instances } = await new Discovery(kv, { runtime }).instances('web')
  const found = instances.find(({ id }) => id === 'a')
  return found && { address: found.address, port: found.port, metadata: found.metadata }
}

/** The store with some of its methods replaced. */
function altered(store: Store, change: Partial<Store>): Store {
  return new Proxy(store, {
    get(target, property) {
      if (property in change) return change[property as keyof Store]
      const value: unknown = Reflect.get(target, property, target)
      return typeof value === 'function' ? (value.bind(target) as unknown) : value
    },
  })
}

describe('a registration', () => {
  it('lasts far beyond its time to live', async () => {
    const registration = await discovery.register(a)
    await runtime.advance(20 * TTL)
    expect(await kv.exists(KEY)).toBe(true)
    expect(registration.isRegistered()).toBe(true)
  })

  it('is readable by other programs', async () => {
    await discovery.register({ ...a, metadata: { zone: 'eu', weight: 3 } })
    expect((await kv.get(KEY))?.json()).toMatchObject({
      address: '10.0.0.1',
      port: 80,
      metadata: { zone: 'eu', weight: 3 },
      ttl: TTL,
    })
  })

  it('shares one session with all of its process', async () => {
    await Promise.all(
      Array.from({ length: 50 }, (_, i) => discovery.register({ ...a, id: String(i) })),
    )
    expect(server.faults.sessions).toBe(1)
  })

  it('has a session of its own where its time to live is another', async () => {
    await discovery.register(a)
    await discovery.register({ ...a, id: 'b' }, { ttl: 2 * TTL })
    expect(server.faults.sessions).toBe(2)
  })

  it('gives the session back with the last of them', async () => {
    const both = await Promise.all([discovery.register(a), discovery.register({ ...a, id: 'b' })])
    await both[0].deregister()
    expect(server.faults.sessions).toBe(1)
    await both[1].deregister()
    await turn()
    expect(server.faults.sessions).toBe(0)
    await discovery.register(a)
    expect(await entry()).toBeDefined()
  })

  it('comes back within a second after its session was ended', async () => {
    const registration = await discovery.register(a)
    server.faults.dropSessions()
    expect(await kv.exists(KEY)).toBe(false)
    await runtime.advance(1_000)
    expect(await kv.exists(KEY)).toBe(true)
    expect(registration.isRegistered()).toBe(true)
  })

  it('comes back within a second after somebody deleted it', async () => {
    const registration = await discovery.register(a)
    await kv.deleteTree('services')
    await runtime.advance(1_000)
    expect(await entry()).toBeDefined()
    expect(registration.isRegistered()).toBe(true)
  })

  it('replaces what somebody wrote over it that is no instance', async () => {
    await discovery.register(a)
    await kv.put(KEY, 'garbage')
    await runtime.advance(1_000)
    expect(await entry()).toBeDefined()
  })

  it('survives any number of lost answers', async () => {
    const registration = await discovery.register(a)
    for (let lost = 1; lost < 20; lost++) {
      server.faults.dropSessions()
      server.faults.loseAnswers(lost)
      await runtime.advance(TTL)
      expect(registration.isRegistered()).toBe(true)
    }
    expect(server.faults.sessions).toBeLessThanOrEqual(20)
  })

  it('is over when the store is closed under it', async () => {
    const registration = await discovery.register(a)
    await kv.close()
    await runtime.advance(1_000)
    expect(registration.isRegistered()).toBe(false)
    expect(registration.signal.reason).toMatchObject({ code: 'CLOSED' })
    kv = server.open()
  })
})

describe('register', () => {
  it.each<[string, object]>([
    ['an empty service', { service: '' }],
    ['an id that is no text', { id: 7 }],
    ['half a character', { id: '\ud800' }],
    ['no address', { address: '' }],
    ['a port out of range', { port: 65_536 }],
    ['metadata that is a list', { metadata: [] }],
    ['metadata that JSON has no word for', { metadata: { size: 1n } }],
  ])('refuses %s', async (_, flaw) => {
    const call = discovery.register({ ...a, ...flaw })
    await expect(call).rejects.toMatchObject({ code: 'INVALID_OPTION' })
    expect(await kv.keys('')).toEqual([])
  })

  it('refuses a time to live that the store cannot keep', async () => {
    expect(() => new Discovery(kv, { ttl: 1 })).toThrow(
      'ttl is 1; it must be a number of milliseconds, between 100 and',
    )
    await expect(discovery.register(a, { ttl: 1 })).rejects.toMatchObject({
      code: 'INVALID_OPTION',
    })
  })

  it('leaves nothing behind when the store cannot be reached', async () => {
    server.faults.disconnect()
    await expect(settled(discovery.register(a))).rejects.toMatchObject({ code: 'NOT_REACHABLE' })
    server.faults.reconnect()
    await runtime.advance(2 * TTL)
    expect(await entry()).toBeUndefined()
    expect(server.faults.sessions).toBe(0)
  })

  it('leaves nothing behind when its answer was lost', async () => {
    const lossy = altered(kv, {
      atomicPut: async (...call) => {
        server.faults.loseAnswers(1)
        return kv.atomicPut(...call)
      },
    })
    const own = new Discovery(lossy, { ttl: TTL, runtime })
    await expect(own.register(a)).rejects.toMatchObject({ ambiguous: true })
    expect(await kv.exists(KEY)).toBe(true)
    await runtime.advance(2_000)
    expect(await entry()).toBeUndefined()
    await settled(own.close())
  })

  it('leaves nothing behind when it is given up', async () => {
    server.faults.delay = 100
    const controller = new AbortController()
    const call = discovery.register(a, { signal: controller.signal })
    await runtime.advance(250)
    controller.abort(new Error('enough'))
    await expect(call).rejects.toThrow('enough')
    server.faults.delay = 0
    await runtime.advance(2 * TTL)
    expect(await entry()).toBeUndefined()
    expect(server.faults.sessions).toBe(0)
  })

  it('is refused when the discovery is closed, also if it was under way', async () => {
    server.faults.delay = 100
    const call = discovery.register(a)
    const outcome = expect(call).rejects.toMatchObject({ code: 'CLOSED' })
    await runtime.advance(150)
    await settled(discovery.close())
    await outcome
    server.faults.delay = 0
    expect(await entry()).toBeUndefined()
    await expect(discovery.register(a)).rejects.toMatchObject({ code: 'CLOSED' })
  })
})

describe('somebody else who registers the same id', () => {
  it('takes the place, and the one before is over', async () => {
    const first = await discovery.register(a)
    const other = new Discovery(server.open(), { ttl: TTL, runtime })
    const second = await other.register({ ...a, port: 81 })
    await runtime.advance(1_000)
    expect(first.signal.reason).toMatchObject({ code: 'KEY_MODIFIED' })
    expect(first.isRegistered()).toBe(false)
    await expect(first.update({ port: 82 })).rejects.toMatchObject({ code: 'KEY_MODIFIED' })
    await first.deregister()
    expect(await entry()).toMatchObject({ port: 81 })
    expect(second.isRegistered()).toBe(true)
    await settled(other.close())
  })

  it('is not disturbed by one before that comes back from an outage', async () => {
    const first = await discovery.register(a)
    server.faults.disconnect()
    await runtime.advance(2 * TTL)
    server.faults.reconnect()
    const other = new Discovery(server.open(), { ttl: TTL, runtime })
    const second = await other.register({ ...a, port: 81 })
    await runtime.advance(5 * TTL)
    expect(await entry()).toMatchObject({ port: 81 })
    expect(first.signal.aborted).toBe(true)
    expect(second.isRegistered()).toBe(true)
    await settled(other.close())
  })

  it('and deregisters is not followed by the one before', async () => {
    await discovery.register(a)
    const other = new Discovery(server.open(), { ttl: TTL, runtime })
    await (await other.register(a)).deregister()
    await runtime.advance(5 * TTL)
    expect(await entry()).toBeUndefined()
    await settled(other.close())
  })
})

describe('update', () => {
  it('changes the entry in place', async () => {
    const registration = await discovery.register(a)
    const before = await kv.get(KEY)
    await registration.update({ port: 81, metadata: { draining: true } })
    expect(await entry()).toEqual({
      address: '10.0.0.1',
      port: 81,
      metadata: { draining: true },
    })
    expect((await kv.get(KEY))?.createRevision).toBe(before?.createRevision)
    expect(registration.instance).toMatchObject({ port: 81 })
  })

  it('is kept when the entry has to be written again', async () => {
    const registration = await discovery.register(a)
    await registration.update({ port: 81 })
    server.faults.dropSessions()
    await runtime.advance(1_000)
    expect(await entry()).toMatchObject({ port: 81 })
  })

  it('that an outage prevents is made after it', async () => {
    const registration = await discovery.register(a)
    server.faults.disconnect()
    await expect(settled(registration.update({ port: 81 }))).rejects.toMatchObject({
      code: 'NOT_REACHABLE',
    })
    server.faults.reconnect()
    await runtime.advance(1_000)
    expect(await entry()).toMatchObject({ port: 81 })
  })

  it('that is too large changes nothing', async () => {
    const registration = await discovery.register(a)
    const metadata = { text: 'x'.repeat(600_000) }
    await expect(registration.update({ metadata })).rejects.toMatchObject({
      code: 'VALUE_TOO_LARGE',
    })
    await runtime.advance(TTL)
    expect(registration.instance.metadata).toEqual({})
    expect(registration.isRegistered()).toBe(true)
  })

  it('of several at once ends with the last', async () => {
    const registration = await discovery.register(a)
    await Promise.all([1, 2, 3, 4, 5].map((port) => registration.update({ port })))
    expect(await entry()).toMatchObject({ port: 5 })
  })
})

describe('deregister', () => {
  it('takes effect once it resolves, any number of times', async () => {
    const registration = await discovery.register(a)
    await Promise.all([registration.deregister(), registration.deregister()])
    await registration.deregister()
    expect(await entry()).toBeUndefined()
    expect(registration.signal.reason).toMatchObject({ code: 'CLOSED' })
    await expect(registration.update({ port: 1 })).rejects.toMatchObject({ code: 'CLOSED' })
  })

  it('happens at the end of a block', async () => {
    {
      await using _ = await discovery.register(a)
      expect(await entry()).toBeDefined()
    }
    expect(await entry()).toBeUndefined()
  })

  it('leaves a trace that goes by itself', async () => {
    await (await discovery.register(a)).deregister()
    expect((await kv.get(KEY))?.json()).toMatchObject({ deregistered: true })
    expect((await discovery.services()).services).toEqual([])
    await runtime.advance(TTL + 1_000)
    expect(await kv.keys('')).toEqual([])
  })

  it('leaves alone what somebody wrote over the entry', async () => {
    const registration = await discovery.register(a)
    await kv.put(KEY, 'garbage')
    await registration.deregister()
    expect((await kv.get(KEY))?.text()).toBe('garbage')
    await kv.delete(KEY)
  })

  // Registered, and lost in all the places where an instance may be on its way back.
  it.each(Array.from({ length: 60 }, (_, i) => i * 10))(
    'is not undone by a return that began %i ms before',
    async (ms) => {
      server.faults.delay = 35
      const registering = discovery.register(a)
      await runtime.advance(500)
      const registration = await registering
      server.faults.dropSessions()
      await runtime.advance(ms)
      await settled(registration.deregister())
      expect(await settled(entry())).toBeUndefined()
      await runtime.advance(5 * TTL)
      expect(await settled(entry())).toBeUndefined()
      server.faults.delay = 0
    },
  )

  it('is not undone by a write that was long on its way', async () => {
    const late: (() => Promise<unknown>)[] = []
    let isSlow = false
    const slow = altered(kv, {
      atomicPut: (key, value, previous, options) => {
        if (!isSlow) return kv.atomicPut(key, value, previous, options)
        // It is given up by the caller, and arrives all the same.
        const { signal, ...bond } = options ?? {}
        late.push(() => kv.atomicPut(key, value, previous, bond))
        return new Promise((_resolve, reject) => {
          signal?.addEventListener('abort', () => {
            reject(signal.reason as Error)
          })
        })
      },
    })
    const own = new Discovery(slow, { ttl: TTL, runtime })
    const registration = await own.register(a)
    await own.register({ ...a, id: 'b' })
    isSlow = true
    await kv.delete(KEY)
    await runtime.advance(1_000)
    expect(late).toHaveLength(1)
    isSlow = false
    await registration.deregister()
    await Promise.allSettled(late.map((write) => write()))
    expect(await entry()).toBeUndefined()
    await settled(own.close())
  })
})

describe('close', () => {
  it('deregisters all, and can be called again', async () => {
    await Promise.all(
      Array.from({ length: 10 }, (_, i) => discovery.register({ ...a, id: String(i) })),
    )
    await Promise.all([discovery.close(), discovery.close()])
    expect(server.faults.sessions).toBe(0)
    expect((await new Discovery(kv, { runtime }).instances('web')).instances).toEqual([])
    await expect(discovery.instances('web')).rejects.toMatchObject({ code: 'CLOSED' })
  })

  it('ends also in an outage', async () => {
    await discovery.register(a)
    server.faults.disconnect()
    const start = runtime.now()
    await settled(discovery.close())
    expect(runtime.now() - start).toBeLessThan(30_000)
    server.faults.reconnect()
    await runtime.advance(2 * TTL)
    expect(await entry()).toBeUndefined()
  })
})
