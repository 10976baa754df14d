import { afterEach, beforeEach, describe, expect, it } from '@jest/globals'
import type { Store } from '@libkv/core'
import { Discovery } from '../src/index.ts'
import type { InstanceChange, Registration } from '../src/index.ts'
import { turn } from '../../core/test/manual-runtime.ts'
import type { ManualRuntime } from '../../core/test/manual-runtime.ts'
import { StoppableRuntime, VirtualServer } from './virtual-server.ts'

const TTL = 12_000
/** How late the embedded store may let a session expire. */
const SLACK = 250

let server: VirtualServer
let runtime: ManualRuntime
let reader: Discovery
let seen: InstanceChange[]
let stoppable: StoppableRuntime[]

beforeEach(async () => {
  server = new VirtualServer()
  runtime = server.runtime
  reader = new Discovery(server.open(), { ttl: TTL, runtime })
  seen = []
  stoppable = []
  void (async () => {
    for await (const change of reader.watch('web')) seen.push(change)
  })()
  await turn()
})

afterEach(async () => {
  server.faults.reset()
  for (const each of stoppable) each.resume()
  await settled(reader.close())
  await settled(server.close())
  // What was deregistered leaves a trace for a while.
  await runtime.advance(TTL + SLACK)
  expect(runtime.pendingTimers).toBe(0)
})

/** What becomes of work that takes time. */
async function settled<T>(work: Promise<T>): Promise<T> {
  let isDone = false
  const note = (): void => {
    isDone = true
  }
  work.then(note, note)
  while (!isDone) await runtime.advance(10)
  return work
}

interface Process {
  readonly store: Store
  readonly runtime: StoppableRuntime
  readonly registration: Registration
}

async function start(id: string): Promise<Process> {
  const own = new StoppableRuntime(runtime)
  stoppable.push(own)
  const store = server.open(own)
  const discovery = new Discovery(store, { ttl: TTL, runtime: own })
  const instance = { service: 'web', id, address: '10.0.0.1', port: 80 }
  return { store, runtime: own, registration: await discovery.register(instance) }
}

const idsNow = (): string[] => seen.at(-1)?.instances.map(({ id }) => id) ?? []
const removed = (): string[] => seen.flatMap((change) => change.removed.map(({ id }) => id))
const isStale = (): boolean | undefined => seen.at(-1)?.stale

async function outage(ms: number): Promise<void> {
  server.faults.disconnect()
  await runtime.advance(ms)
  server.faults.reconnect()
}

describe('an instance that has crashed', () => {
  it('is listed until its time to live is over, and no longer', async () => {
    const a = await start('a')
    await start('b')
    await runtime.advance(1_000)
    a.runtime.stop()
    await runtime.advance(TTL - TTL / 3 - 1_000)
    expect(idsNow()).toEqual(['a', 'b'])
    await runtime.advance(TTL / 3 + 1_000 + SLACK)
    expect(idsNow()).toEqual(['b'])
    expect(isStale()).toBe(false)
  })

  it('is gone within its time to live also when it crashes right after an outage', async () => {
    const a = await start('a')
    await outage(3 * TTL)
    await runtime.advance(2_000)
    expect(idsNow()).toEqual(['a'])
    a.runtime.stop()
    await runtime.advance(TTL + SLACK)
    expect(idsNow()).toEqual([])
  })

  it('in an outage is gone a time to live after its end', async () => {
    const a = await start('a')
    await start('b')
    server.faults.disconnect()
    await runtime.advance(TTL)
    a.runtime.stop()
    await runtime.advance(10 * TTL)
    server.faults.reconnect()
    await runtime.advance(2_000)
    expect(idsNow()).toEqual(['a', 'b'])
    expect(isStale()).toBe(true)
    await runtime.advance(TTL - 2_000 + SLACK)
    expect(idsNow()).toEqual(['b'])
    expect(isStale()).toBe(false)
  })
})

describe('an outage', () => {
  it.each([0.3, 0.5, 0.9, 1, 1.5, 10])('of %f times to live removes nobody', async (times) => {
    const processes = await Promise.all(['a', 'b', 'c'].map(start))
    await runtime.advance(1_000)
    await outage(times * TTL)
    await runtime.advance(5 * TTL)
    expect(removed()).toEqual([])
    expect(idsNow()).toEqual(['a', 'b', 'c'])
    expect(isStale()).toBe(false)
    expect(processes.every(({ registration }) => registration.isRegistered())).toBe(true)
  })

  it('shows in the list while it lasts, and not for long afterwards', async () => {
    await start('a')
    await runtime.advance(1_000)
    expect(isStale()).toBe(false)
    server.faults.disconnect()
    await runtime.advance(TTL / 2)
    expect(isStale()).toBe(true)
    expect(idsNow()).toEqual(['a'])
    server.faults.reconnect()
    await runtime.advance(2_000)
    expect(isStale()).toBe(false)
  })

  it('is over for the list only when that has been read again', async () => {
    const store = server.open()
    let hold = (): Promise<void> => Promise.resolve()
    const slow = new Proxy(store, {
      get(target, property) {
        const value: unknown = Reflect.get(target, property, target)
        if (property === 'watchTree') {
          return async function* (...call: Parameters<Store['watchTree']>) {
            await hold()
            yield* store.watchTree(...call)
          }
        }
        return typeof value === 'function' ? (value.bind(target) as unknown) : value
      },
    })
    await start('a')
    const discovery = new Discovery(slow, { ttl: TTL, runtime })
    const states: InstanceChange[] = []
    void (async () => {
      for await (const change of discovery.watch('web')) states.push(change)
    })()
    await runtime.advance(1_000)
    let release: (() => void) | undefined
    hold = () =>
      new Promise((resolve) => {
        release = resolve
      })
    await outage(0.3 * TTL)
    await runtime.advance(TTL)
    expect(states.at(-1)).toMatchObject({ instances: [{ id: 'a' }], stale: true })
    release?.()
    await turn()
    expect(states.at(-1)).toMatchObject({ instances: [{ id: 'a' }], stale: false })
    await settled(discovery.close())
  })

  it('is over for the instances within a second', async () => {
    const { store, registration } = await start('a')
    server.faults.disconnect()
    await runtime.advance(5 * TTL)
    expect(registration.isRegistered()).toBe(false)
    server.faults.reconnect()
    await runtime.advance(1_000)
    expect(registration.isRegistered()).toBe(true)
    expect((await store.keys('services')).length).toBe(1)
  })

  it('is survived by a list that nobody watches', async () => {
    await start('a')
    expect((await reader.instances('web')).instances).toHaveLength(1)
    server.faults.disconnect()
    await runtime.advance(TTL / 2)
    for (const wait of [0, TTL, 10 * TTL]) {
      await runtime.advance(wait)
      const { instances, stale } = await reader.instances('web')
      expect({ ids: instances.map(({ id }) => id), stale }).toEqual({ ids: ['a'], stale: true })
    }
    server.faults.reconnect()
    // The entry has expired, and its instance has not heard yet that the store is back.
    const { instances } = await settled(reader.instances('web'))
    expect(instances).toHaveLength(1)
    await runtime.advance(2_000)
    expect((await reader.instances('web')).stale).toBe(false)
    expect((await reader.services()).services).toEqual(['web'])
  })

  it('that nobody told of is noticed by the list that is asked for', async () => {
    await start('a')
    await runtime.advance(1_000)
    server.faults.disconnect()
    const { instances, stale } = await settled(reader.instances('web'))
    expect({ ids: instances.map(({ id }) => id), stale }).toEqual({ ids: ['a'], stale: true })
  })

  it('of which nothing was known before is an error', async () => {
    server.faults.disconnect()
    await expect(settled(reader.instances('db'))).rejects.toMatchObject({ code: 'NOT_REACHABLE' })
    await expect(settled(reader.resolve('db'))).rejects.toMatchObject({ code: 'NOT_REACHABLE' })
  })

  it('does not hold back those who deregister after it', async () => {
    const a = await start('a')
    await start('b')
    await outage(3 * TTL)
    await runtime.advance(1_000)
    await settled(a.registration.deregister())
    expect(idsNow()).toEqual(['b'])
  })

  it('does not bring back those who deregister in it', async () => {
    const a = await start('a')
    await start('b')
    server.faults.disconnect()
    await runtime.advance(2 * TTL)
    await expect(settled(a.registration.deregister())).rejects.toMatchObject({
      code: 'NOT_REACHABLE',
    })
    await runtime.advance(2 * TTL)
    server.faults.reconnect()
    await runtime.advance(1_000)
    expect(idsNow()).toEqual(['b'])
    await runtime.advance(5 * TTL)
    expect(idsNow()).toEqual(['b'])
    expect(await reader.instances('web')).toMatchObject({ stale: false, instances: [{ id: 'b' }] })
  })

  it('of the reader alone does not hold back those who deregister in it', async () => {
    const a = await start('a')
    await start('b')
    const own = new StoppableRuntime(runtime)
    const cut = new Discovery(server.open(own), { ttl: TTL, runtime: own })
    expect((await cut.instances('web')).instances).toHaveLength(2)
    own.stop()
    await runtime.advance(TTL)
    await a.registration.deregister()
    await runtime.advance(1_000)
    own.resume()
    const { instances, stale } = await settled(cut.instances('web'))
    expect({ ids: instances.map(({ id }) => id), stale }).toEqual({ ids: ['b'], stale: true })
    await settled(cut.close())
  })
})
