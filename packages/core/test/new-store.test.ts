import { memory } from '@libkv/memory'
import { afterEach, describe, expect, it } from '@jest/globals'
import { newStore, registerBackend } from '../src/index.ts'
import { RESERVED_SEGMENT, openStore } from '../src/driver.ts'
import type { BackendFactory, Store, StoreOptions } from '../src/index.ts'
import { refusal } from './outcome.ts'
import { ScriptedDriver } from './scripted-driver.ts'

const opened: Store[] = []
let count = 0

const open = (async (...args: Parameters<typeof newStore>) => {
  const store = await newStore(...args)
  opened.push(store)
  return store
}) as unknown as typeof newStore

/** A backend that remembers what it was opened with, under a name of its own. */
function fake(): { name: string; factory: BackendFactory; calls: [unknown, unknown][] } {
  const calls: [unknown, unknown][] = []
  const factory: BackendFactory = (addresses, options) => {
    calls.push([addresses, options])
    return openStore(new ScriptedDriver(), {})
  }
  return { name: `fake-${String(++count)}`, factory, calls }
}

afterEach(async () => {
  for (const store of opened.splice(0)) await store.close()
})

describe('newStore', () => {
  it('opens an official backend by name, as the application sees it', async () => {
    const kv = await open('memory', ['new-store'])
    await kv.put('a', 'tea')
    expect(kv.backend).toBe('memory')
    const same = await open(memory, ['new-store'])
    expect((await same.get('a'))?.text()).toBe('tea')
  })

  it('opens by URL, with namespace and options', async () => {
    const kv = await open('memory://new-store-url/app?connectionTimeout=100')
    await kv.put('a', 'tea')
    const whole = await open('memory', ['new-store-url'])
    expect(await whole.keys('')).toEqual(['app/a'])
  })

  it('opens with the factory that stands for the name', async () => {
    const { factory, calls } = fake()
    await open(factory, ['h:1'], { namespace: 'app' })
    expect(calls).toEqual([[['h:1'], { namespace: 'app' }]])
  })

  it('opens what was registered, by name and by URL', async () => {
    const { name, factory, calls } = fake()
    registerBackend(name, factory)
    await open(name, ['h:1'], { namespace: 'app' })
    await open(`${name}://u:p@h:1,h:2/app?colour=red`)
    await open(`${name}://`)
    expect(calls).toEqual([
      [['h:1'], { namespace: 'app' }],
      [['h:1', 'h:2'], { username: 'u', password: 'p', namespace: 'app', colour: 'red' }],
      [undefined, {}],
    ])
  })

  it('takes options without addresses', async () => {
    const { name, factory, calls } = fake()
    registerBackend(name, factory)
    await open(`${name}://h:1/app`, { requestTimeout: 7 })
    await open(name, { requestTimeout: 7 })
    await open(factory, { requestTimeout: 7 })
    expect(calls).toEqual([
      [['h:1'], { namespace: 'app', requestTimeout: 7 }],
      [undefined, { requestTimeout: 7 }],
      [undefined, { requestTimeout: 7 }],
    ])
  })

  it('hands on what is no option, for the factory to refuse', async () => {
    for (const options of [null, 7, 'namespace', []]) {
      await expect(newStore('memory', [], options as object)).rejects.toThrow(
        /^options must be an object; got /,
      )
    }
    await expect(newStore('memory', 'orders' as unknown as string[])).rejects.toThrow(
      'addresses must be an array with the name of the store; got a string',
    )
  })

  it('lets addresses and options of the call win over those of the URL', async () => {
    const { name, factory, calls } = fake()
    registerBackend(name, factory)
    await open(`${name}://h:1/app?requestTimeout=5`, ['h:9'], { requestTimeout: 7 })
    expect(calls).toEqual([[['h:9'], { namespace: 'app', requestTimeout: 7 }]])
  })

  it('knows ZooKeeper as zk, too, and prefers what is registered under the short name', async () => {
    const long = fake()
    registerBackend('zookeeper', long.factory)
    await open('zk')
    await open('zk://h:2181')
    expect(long.calls).toHaveLength(2)
    const short = fake()
    registerBackend('zk', short.factory)
    await open('zk')
    expect([long.calls.length, short.calls.length]).toEqual([2, 1])
  })

  it.each([
    ['redis', ["unknown backend 'redis'", 'memory']],
    ['consul-tls', ["unknown backend 'consul-tls'", "did you mean 'consul'?"]],
    ['ectd', ["unknown backend 'ectd'", "did you mean 'etcd'?"]],
    ['redis://localhost', ["unknown backend 'redis'", 'memory']],
    ['ectd://user:secret@localhost', ["did you mean 'etcd'?"]],
  ])(
    'refuses an unknown backend, saying what is there and what was meant: %s',
    async (name, parts) => {
      const error = await refusal(newStore(name), 'BACKEND_UNKNOWN')
      for (const part of parts) expect(error.message).toContain(part)
      expect(error.message).not.toMatch(/install @|npm install|secret/)
    },
  )

  it.each([
    'etcd:/user:secret@h',
    'etcd//user:secret@h',
    'user:secret@h',
    '../../etc',
    'Memory',
    '',
  ])('refuses what is no name, without repeating a password: %p', async (name) => {
    const error = await refusal(newStore(name), 'BACKEND_UNKNOWN')
    expect(error.message).not.toContain('secret')
    expect(error.message).not.toMatch(/npm install|install @/)
  })

  it('refuses what is neither name nor factory with a TypeError', async () => {
    for (const backend of [undefined, null, 7, {}]) {
      await expect(newStore(backend as string)).rejects.toThrow(TypeError)
    }
  })

  it.each<[string, StoreOptions]>([
    ['connectionTimeout', { connectionTimeout: 0 }],
    ['requestTimeout', { requestTimeout: Number.NaN }],
  ])('refuses an option out of its range: %s', async (name, options) => {
    const error = await refusal(newStore('memory', [], options), 'INVALID_OPTION')
    expect(error.message).toContain(name)
  })

  it('refuses a number in a URL that is none', async () => {
    await refusal(newStore('memory://?requestTimeout=soon'), 'INVALID_OPTION')
  })

  it.each([
    'a//b',
    '..',
    '//',
    RESERVED_SEGMENT,
    `a/${RESERVED_SEGMENT}`,
    `a/${RESERVED_SEGMENT}/b`,
  ])('refuses the namespace %p', async (namespace) => {
    await refusal(newStore('memory', [], { namespace }), 'INVALID_KEY')
  })
})

describe('registerBackend', () => {
  it('takes the same factory again, and no other one under the same name', () => {
    const [one, other] = [fake(), fake()]
    registerBackend(one.name, one.factory)
    registerBackend(one.name, one.factory)
    expect(() => {
      registerBackend(one.name, other.factory)
    }).toThrow(TypeError)
  })

  it('refuses what is no name or no factory', () => {
    const { factory } = fake()
    for (const [name, given] of [
      ['', factory],
      [undefined, factory],
      ['x', undefined],
      ['x', {}],
    ]) {
      expect(() => {
        registerBackend(name as string, given as BackendFactory)
      }).toThrow(TypeError)
    }
  })

  it('wins over what could be loaded', async () => {
    const { factory, calls } = fake()
    registerBackend('consul', factory)
    await open('consul')
    expect(calls).toHaveLength(1)
  })
})
