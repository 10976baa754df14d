import { subscribe, tracingChannel, unsubscribe } from 'node:diagnostics_channel'
import { memory, memoryFaults } from '@libkv/memory'
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals'
import { waitFor } from '@libkv/testing'
import { callChannel, sessionChannel, watchChannel } from '../src/index.ts'
import { openStore } from '../src/driver.ts'
import type { CallMessage, SessionMessage, Store, WatchMessage } from '../src/index.ts'
import { ManualRuntime } from './manual-runtime.ts'
import { hangs, ScriptedDriver } from './scripted-driver.ts'

describe('the channel of calls', () => {
  const events: [string, CallMessage][] = []
  const note =
    (event: string) =>
    (message: unknown): void => {
      if ((message as CallMessage).endpoint === 'diagnostics') {
        events.push([event, message as CallMessage])
      }
    }
  const subscribers = {
    start: note('start'),
    end: note('end'),
    asyncStart: note('asyncStart'),
    asyncEnd: note('asyncEnd'),
    error: note('error'),
  }
  let kv: Store

  beforeEach(() => {
    events.length = 0
    kv = memory(['diagnostics'], { namespace: 'app' })
    tracingChannel('libkv:call').subscribe(subscribers)
  })
  afterEach(async () => {
    tracingChannel('libkv:call').unsubscribe(subscribers)
    await kv.close()
  })

  it('tells of each call from its start to its end, in one message', async () => {
    await kv.put('a', 'secret')
    expect(events.map(([event]) => event)).toEqual(['start', 'end', 'asyncStart', 'asyncEnd'])
    const [first] = events[0]?.slice(1) ?? []
    expect(events.every(([, message]) => message === first)).toBe(true)
    expect(first).toMatchObject({
      backend: 'memory',
      endpoint: 'diagnostics',
      namespace: 'app',
      operation: 'put',
      key: 'a',
    })
  })

  it('names every operation', async () => {
    const pair = await kv.put('a', '1')
    await kv.get('a')
    await kv.exists('a')
    await kv.list('')
    await kv.keys('d')
    await kv.atomicDelete('a', pair)
    await kv.atomicPut('a', '1', null)
    await kv.delete('a')
    await kv.deleteTree('')
    await kv.transaction([{ type: 'remove', key: 'a' }])
    await kv.ready()
    const session = await kv.session()
    await session.close()
    const started = events.filter(([event]) => event === 'start')
    expect(started.map(([, { operation, key }]) => [operation, key])).toEqual([
      ['put', 'a'],
      ['get', 'a'],
      ['exists', 'a'],
      ['list', ''],
      ['keys', 'd'],
      ['atomicDelete', 'a'],
      ['atomicPut', 'a'],
      ['delete', 'a'],
      ['deleteTree', ''],
      ['transaction', undefined],
      ['ready', undefined],
      ['session', undefined],
      ['close session', undefined],
    ])
  })

  it('tells of the error that the caller gets', async () => {
    memoryFaults('diagnostics').loseAnswers(1)
    const error = await kv.put('a', '1').catch((reason: unknown) => reason)
    expect(events.map(([event]) => event)).toEqual([
      'start',
      'end',
      'error',
      'asyncStart',
      'asyncEnd',
    ])
    expect(events[0]?.[1].error).toBe(error)
    expect(error).toMatchObject({ code: 'NOT_REACHABLE' })
  })

  it('costs a call nothing but a look when nobody listens', async () => {
    tracingChannel('libkv:call').unsubscribe(subscribers)
    expect(callChannel.hasSubscribers).toBe(false)
    await kv.put('a', '1')
    expect(events).toEqual([])
  })
})

describe('the channel of sessions', () => {
  it('tells when a session is opened, renewed and closed, or lost', async () => {
    const events: SessionMessage[] = []
    const onMessage = (message: unknown): void => {
      events.push(message as SessionMessage)
    }
    subscribe('libkv:session', onMessage)
    const runtime = new ManualRuntime()
    const driver = new ScriptedDriver()
    const kv = openStore(driver, { runtime })
    const closed = await kv.session({ ttl: 9_000 })
    await runtime.advance(6_000)
    await closed.close()
    driver.script('renew', hangs)
    await kv.session({ ttl: 9_000 })
    await runtime.advance(9_000)
    await kv.close()
    unsubscribe('libkv:session', onMessage)
    expect(events.map(({ id, event }) => `${id} ${event}`)).toEqual([
      'session-1 opened',
      'session-1 renewed',
      'session-1 renewed',
      'session-1 closed',
      'session-2 opened',
      'session-2 lost',
    ])
    expect(events[0]?.backend).toBe('scripted')
    expect(sessionChannel.hasSubscribers).toBe(false)
  })

  it('tells once that a session is lost, also a subscriber that asks whether it is alive', async () => {
    const runtime = new ManualRuntime()
    const kv = openStore(new ScriptedDriver().script('renew', hangs), { runtime })
    const session = await kv.session({ ttl: 9_000 })
    const heard: [unknown, boolean][] = []
    const onMessage = (message: unknown): void => {
      heard.push([(message as { event: unknown }).event, session.isAlive()])
    }
    subscribe('libkv:session', onMessage)
    await runtime.advance(9_000)
    unsubscribe('libkv:session', onMessage)
    expect(heard).toEqual([['lost', false]])
    await kv.close()
  })
})

describe('the channel of watches', () => {
  it('tells when a watch is opened, yields and ends', async () => {
    const events: WatchMessage[] = []
    const onMessage = (message: unknown): void => {
      events.push(message as WatchMessage)
    }
    subscribe('libkv:watch', onMessage)
    const kv = memory(['diagnostics-watch'])
    for await (const pair of kv.watch('a')) {
      if (pair !== null) break
      await kv.put('a', '1')
    }
    await waitFor(() => events.at(-1)?.event === 'ended', { what: 'the end of the watch' })
    unsubscribe('libkv:watch', onMessage)
    expect(events.map(({ backend, key, event }) => [backend, key, event])).toEqual([
      ['memory', 'a', 'opened'],
      ['memory', 'a', 'state'],
      ['memory', 'a', 'state'],
      ['memory', 'a', 'ended'],
    ])
    expect(watchChannel.hasSubscribers).toBe(false)
    await kv.close()
  })
})
