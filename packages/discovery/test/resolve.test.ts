import { afterEach, beforeEach, describe, expect, it } from '@jest/globals'
import { waitFor } from '@libkv/testing'
import { ManualRuntime } from '../../core/test/manual-runtime.ts'
import { memory } from '@libkv/memory'
import type { Store } from '@libkv/core'
import { Discovery } from '../src/index.ts'
import type { Registration, ResolveOptions } from '../src/index.ts'

/** A clock that does not move by itself, and timers that fire. */
class Clock extends ManualRuntime {
  #ahead = 0

  override now(): number {
    return super.now() + this.#ahead
  }

  forward(ms: number): void {
    this.#ahead += ms
  }
}

let count = 0
let kv: Store
let clock: Clock
let discovery: Discovery
let registrations: Registration[]

beforeEach(async () => {
  kv = memory([`resolve-${String(++count)}`])
  clock = new Clock()
  discovery = new Discovery(kv, { runtime: clock })
  registrations = []
  for (const id of ['a', 'b', 'c']) registrations.push(await register(id))
})

afterEach(async () => {
  await discovery.close()
  await kv.close()
})

const register = (id: string): Promise<Registration> =>
  discovery.register({ service: 'web', id, address: '10.0.0.1', port: 80 })

const pick = async (options?: ResolveOptions) => {
  const resolved = await discovery.resolve('web', options)
  if (resolved === null) throw new Error('there is nobody')
  return resolved
}

async function picks(times: number, options?: ResolveOptions): Promise<string> {
  const ids = []
  for (let i = 0; i < times; i++) ids.push((await pick(options)).instance.id)
  return ids.join('')
}

/** Reports an instance as broken, so many times. */
async function report(id: string, times: number): Promise<void> {
  for (let reports = 0; reports < times;) {
    const resolved = await pick()
    if (resolved.instance.id !== id) continue
    resolved.reportBroken()
    reports++
  }
}

describe('resolve', () => {
  it('picks one after the other', async () => {
    expect(await picks(7)).toBe('abcabca')
  })

  it('goes on in turn when instances come and go', async () => {
    expect(await picks(2)).toBe('ab')
    await register('bb')
    await registrations[2]?.deregister()
    await waitFor(async () => (await pick()).instance.id === 'bb', { what: 'bb' })
    expect(await picks(4)).toBe('abbba')
  })

  it('picks at random', async () => {
    clock.chance = 0
    expect(await picks(2, { strategy: 'random' })).toBe('aa')
    clock.chance = 0.99
    expect(await picks(2, { strategy: 'random' })).toBe('cc')
  })

  it('is null where nobody is', async () => {
    expect(await discovery.resolve('db')).toBeNull()
  })

  it('passes over who was reported twice, for half a minute', async () => {
    await report('b', 1)
    expect(await picks(3)).toContain('b')
    await report('b', 1)
    expect(await picks(4)).toBe('caca')
    expect(await picks(30, { strategy: 'random' })).not.toContain('b')
    clock.forward(29_000)
    expect(await picks(3)).not.toContain('b')
    clock.forward(2_000)
    expect(await picks(3)).toContain('b')
  })

  it('forgets reports that are far apart', async () => {
    await report('b', 1)
    clock.forward(31_000)
    await report('b', 1)
    expect(await picks(3)).toContain('b')
  })

  it('tries all when all are broken', async () => {
    for (const id of ['a', 'b']) await report(id, 2)
    expect(await picks(3)).toBe('ccc')
    await report('c', 2)
    expect((await picks(3)).split('').sort().join('')).toBe('abc')
  })

  it('takes an instance that registers anew for a new one', async () => {
    await report('b', 2)
    await register('b')
    await waitFor(async () => (await picks(3)).includes('b'), { what: 'b' })
  })

  it('does not ask the store for a service that it knows', async () => {
    await pick()
    const list = kv.list.bind(kv)
    kv.list = () => Promise.reject(new Error('asked'))
    expect(await picks(3)).toBe('bca')
    kv.list = list
  })

  it('takes other limits', async () => {
    const strict = new Discovery(kv, { runtime: clock, broken: { reports: 1, period: 1_000 } })
    const first = await strict.resolve('web')
    expect(first?.instance.id).toBe('a')
    first?.reportBroken()
    const next = async () => (await strict.resolve('web'))?.instance.id
    expect([await next(), await next(), await next()]).toEqual(['b', 'c', 'b'])
    clock.forward(1_001)
    expect([await next(), await next()]).toEqual(['c', 'a'])
    await strict.close()
  })

  it.each<[string, object]>([
    ['no report', { reports: 0 }],
    ['no period', { period: -1 }],
  ])('refuses limits of %s', (_, broken) => {
    expect(() => new Discovery(kv, { broken })).toThrow('broken.')
  })
})
