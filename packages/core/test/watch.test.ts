import { getEventListeners } from 'node:events'
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals'
import { iterate } from '@libkv/testing'
import { LibkvError } from '../src/index.ts'
import { openStore } from '../src/driver.ts'
import type { KVPair, Store } from '../src/index.ts'
import type { Observer } from '../src/driver.ts'
import { ManualRuntime, turn } from './manual-runtime.ts'
import { Outcome, refusal } from './outcome.ts'
import { entryOf, ScriptedDriver } from './scripted-driver.ts'

let runtime: ManualRuntime
let driver: ScriptedDriver
let kv: Store

beforeEach(() => {
  runtime = new ManualRuntime()
  driver = new ScriptedDriver()
  kv = openStore(driver, { runtime })
})

afterEach(async () => {
  await kv.close()
  expect(runtime.pendingTimers).toBe(0)
  expect(driver.feeds.every(({ closed }) => closed)).toBe(true)
})

function feed(): Observer {
  const last = driver.feeds.at(-1)
  if (last === undefined) throw new Error('nobody watches')
  return last.observer
}

describe('a watch of one key', () => {
  it('yields the current state first, and each further one once', async () => {
    const states = iterate(kv.watch('a'))
    feed().snapshot([], 1n)
    expect((await states.next()).value).toBeNull()
    const next = states.next()
    feed().snapshot([], 2n)
    feed().changes([{ type: 'put', entry: entryOf('a', 'tea', 3n, 3n) }], 3n)
    expect((await next).value?.text()).toBe('tea')
    const again = new Outcome(states.next())
    // The driver reads again, after a gap say, and finds what it was.
    feed().snapshot([entryOf('a', 'tea', 3n, 3n)], 4n)
    await turn()
    expect(again.state).toBe('pending')
    feed().changes([{ type: 'delete', key: 'a', revision: 5n }], 5n)
    await turn()
    expect(again.value).toEqual({ done: false, value: null })
  })

  it('shows that the key was deleted and made again by its creation', async () => {
    const states = iterate(kv.watch('a'))
    feed().snapshot([entryOf('a', 'tea', 3n, 3n)], 3n)
    await states.next()
    feed().changes([{ type: 'delete', key: 'a', revision: 4n }], 4n)
    feed().changes([{ type: 'put', entry: entryOf('a', 'tea', 5n, 5n) }], 5n)
    const { value } = await states.next()
    expect(value).toMatchObject({ revision: 5n, createRevision: 5n })
  })

  it('serves readers that ask ahead in their order', async () => {
    const states = iterate(kv.watch('a'))
    const reads = [states.next(), states.next(), states.next()]
    feed().snapshot([], 1n)
    for (const revision of [2n, 3n]) {
      feed().changes([{ type: 'put', entry: entryOf('a', String(revision), revision) }], revision)
    }
    const values = await Promise.all(reads)
    expect(values.map(({ value }) => value?.text() ?? null)).toEqual([null, '2', '3'])
  })

  it('ends with break, and tells the driver', async () => {
    feed0()
    for await (const state of kv.watch('a')) {
      expect(state).toBeNull()
      break
    }
    expect(driver.feeds).toHaveLength(1)
    expect(driver.feeds[0]?.closed).toBe(true)

    function feed0(): void {
      setImmediate(() => {
        feed().snapshot([], 1n)
      })
    }
  })

  it('is opened anew by each loop over it', async () => {
    const watch = kv.watch('a')
    const [one, two] = [watch[Symbol.asyncIterator](), watch[Symbol.asyncIterator]()]
    for (const { observer } of driver.feeds) observer.snapshot([], 1n)
    await one.return?.()
    expect((await one.next()).done).toBe(true)
    expect((await two.next()).value).toBeNull()
  })
})

describe('the end of a watch', () => {
  it('comes with the reason of the signal, once, and nothing listens any more', async () => {
    const reason = new Error('no longer interested')
    const controller = new AbortController()
    const { signal } = controller
    const states = iterate(kv.watch('a', { signal }))
    feed().snapshot([], 1n)
    await states.next()
    const next = states.next()
    controller.abort(reason)
    await expect(next).rejects.toBe(reason)
    expect((await states.next()).done).toBe(true)
    expect(getEventListeners(signal, 'abort')).toHaveLength(0)
  })

  it('comes with a signal that had fired before, without any I/O', async () => {
    const reason = new Error('never interested')
    const states = kv.watchTree('', { signal: AbortSignal.abort(reason) })
    await expect(states[Symbol.asyncIterator]().next()).rejects.toBe(reason)
    expect(driver.feeds).toHaveLength(0)
  })

  it('comes at the timeout when there is no first state', async () => {
    const next = iterate(kv.watch('a', { timeout: 50 })).next()
    const outcome = new Outcome(next)
    await runtime.advance(49)
    expect(outcome.state).toBe('pending')
    await runtime.advance(1)
    expect(outcome.error).toMatchObject({ code: 'TIMEOUT', key: 'a' })
  })

  it('does not come at the timeout when there was a first state, read or not', async () => {
    const read = iterate(kv.watch('a', { timeout: 50 }))
    feed().snapshot([], 1n)
    await read.next()
    const unread = iterate(kv.watch('a', { timeout: 50 }))
    feed().snapshot([], 1n)
    await runtime.advance(1_000)
    const next = new Outcome(read.next())
    await turn()
    expect(next.state).toBe('pending')
    expect((await unread.next()).value).toBeNull()
  })

  it('comes by what cannot heal', async () => {
    const next = iterate(kv.watch('a')).next()
    feed().fail(new LibkvError('ACCESS_DENIED', 'token revoked'))
    const error = await refusal(next, 'ACCESS_DENIED')
    expect(error.message).toContain('token revoked')
  })

  it('leaves the last state to nobody once it has come', async () => {
    const states: AsyncIterator<KVPair | null> = iterate(kv.watch('a'))
    const observer = feed()
    await states.return?.()
    observer.snapshot([entryOf('a', 'late')], 1n)
    observer.fail(new Error('late'))
    expect(await states.next()).toEqual({ done: true, value: undefined })
  })
})
