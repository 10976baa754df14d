import { afterEach, beforeEach, describe, expect, it } from '@jest/globals'
import { LibkvError } from '@libkv/core'
import type { Store } from '@libkv/core'
import { memory, memoryFaults } from '@libkv/memory'
import { iterate } from '@libkv/testing'
import { Discovery } from '../src/index.ts'
import type { InstanceChange } from '../src/index.ts'

let count = 0
let name: string
let kv: Store
let discovery: Discovery

beforeEach(() => {
  name = `watch-${String(++count)}`
  kv = memory([name])
  discovery = new Discovery(kv, { ttl: 1_000 })
})

afterEach(async () => {
  await discovery.close()
  await kv.close()
})

const register = (id: string, port = 80) =>
  discovery.register({ service: 'web', id, address: '10.0.0.1', port })

/** Who is there, and what has changed. */
const brief = (change: InstanceChange | undefined) => {
  const ids = (list: InstanceChange['instances'] = []): string => list.map(({ id }) => id).join()
  return {
    instances: ids(change?.instances),
    added: ids(change?.added),
    changed: ids(change?.changed),
    removed: ids(change?.removed),
  }
}

describe('a watch', () => {
  it('begins with what is there, and with nothing where there is nothing', async () => {
    const empty = iterate(discovery.watch('db'))
    expect(await empty.next()).toMatchObject({ value: { instances: [], stale: false } })
    await register('b')
    await register('a')
    const states = iterate(discovery.watch('web'))
    expect(brief((await states.next()).value)).toEqual({
      instances: 'a,b',
      added: 'a,b',
      changed: '',
      removed: '',
    })
  })

  it('says who was added, changed and removed', async () => {
    const states = iterate(discovery.watch('web'))
    await states.next()
    const next = async () => brief((await states.next()).value)
    const a = await register('a')
    expect(await next()).toEqual({ instances: 'a', added: 'a', changed: '', removed: '' })
    await a.update({ port: 81 })
    expect(await next()).toEqual({ instances: 'a', added: '', changed: 'a', removed: '' })
    await a.deregister()
    expect(await next()).toEqual({ instances: '', added: '', changed: '', removed: 'a' })
  })

  it('merges what a slow reader misses', async () => {
    const states = iterate(discovery.watch('web'))
    await states.next()
    const a = await register('a')
    const b = await register('b')
    await b.update({ port: 81 })
    await a.deregister()
    await register('c')
    const change = brief((await states.next()).value)
    expect(change).toEqual({ instances: 'b,c', added: 'b,c', changed: '', removed: '' })
  })

  it('says nothing of an instance that registers again as it was', async () => {
    await register('a')
    const states = iterate(discovery.watch('web'))
    await states.next()
    await register('a')
    await register('b')
    expect(brief((await states.next()).value)).toMatchObject({ added: 'b', changed: '' })
  })

  it('shows what becomes invalid, and what is mended', async () => {
    await register('a')
    await kv.put('services/web/x', '{}')
    const states = iterate(discovery.watch('web'))
    expect((await states.next()).value?.invalid).toHaveLength(1)
    await kv.delete('services/web/x')
    expect((await states.next()).value?.invalid).toEqual([])
  })

  it('serves several readers from one watch of the store', async () => {
    const readers = Array.from({ length: 5 }, () => iterate(discovery.watch('web')))
    await Promise.all(readers.map((reader) => reader.next()))
    const asked = readers.map((reader) => reader.next())
    await register('a')
    for (const { value } of await Promise.all(asked)) expect(brief(value).added).toBe('a')
  })

  it('ends by break, and lets go of the store', async () => {
    for await (const change of discovery.watch('web')) {
      expect(change.instances).toEqual([])
      break
    }
    // Nobody asks the store any more.
    memoryFaults(name).refuse(1)
    await kv.put('a', '')
    expect(await kv.exists('a')).toBe(true)
  })

  it.each(['before it begins', 'while it waits'])('ends by its signal, %s', async (when) => {
    const controller = new AbortController()
    const reason = new Error('enough')
    if (when === 'before it begins') controller.abort(reason)
    const states = iterate(discovery.watch('web', { signal: controller.signal }))
    if (when === 'while it waits') await states.next()
    const waiting = states.next()
    controller.abort(reason)
    await expect(waiting).rejects.toBe(reason)
    expect(await states.next()).toEqual({ done: true, value: undefined })
  })

  it.each([
    ['the discovery is closed', () => discovery.close()],
    ['the store is closed', () => kv.close()],
  ])('ends when %s', async (_, close) => {
    const states = iterate(discovery.watch('web'))
    await states.next()
    const waiting = states.next()
    await close()
    expect(await waiting).toEqual({ done: true, value: undefined })
  })

  it('throws what cannot heal', async () => {
    const denied = new LibkvError('ACCESS_DENIED', 'not for you')
    const closed = new Proxy(kv, {
      get: (target, property) =>
        property === 'watchTree'
          ? () => ({ [Symbol.asyncIterator]: () => ({ next: () => Promise.reject(denied) }) })
          : (Reflect.get(target, property, target) as unknown),
    })
    const states = iterate(new Discovery(closed).watch('web'))
    await expect(states.next()).rejects.toBe(denied)
  })
})
