import { afterEach, beforeEach, describe, expect, it } from '@jest/globals'
import { isLibkvError, withLock } from '@libkv/core'
import type { KVPair, Store } from '@libkv/core'
import { atMost, elapse, iterate, waitFor } from '@libkv/testing'
import { memory, memoryFaults } from '../src/index.ts'
import type { MemoryFaults } from '../src/index.ts'

let count = 0
let name: string
let kv: Store
let faults: MemoryFaults

beforeEach(() => {
  name = `faults-${String(++count)}`
  // Short, so that an outage shows soon.
  kv = memory([name], { connectionTimeout: 300, requestTimeout: 600 })
  faults = memoryFaults(name)
})

afterEach(async () => {
  faults.reset()
  await kv.close()
})

const codeOf = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => 'went through',
    (error: unknown) => {
      if (!isLibkvError(error)) throw error
      return error.ambiguous ? `${error.code}, ambiguous` : error.code
    },
  )

describe('lost answers', () => {
  it('make a write ambiguous that has happened', async () => {
    faults.loseAnswers()
    expect(await codeOf(kv.put('a', '1'))).toBe('NOT_REACHABLE, ambiguous')
    expect((await kv.get('a'))?.text()).toBe('1')
  })

  it.each<[string, (pair: KVPair) => Promise<unknown>]>([
    ['delete', () => kv.delete('a')],
    ['deleteTree', () => kv.deleteTree('a')],
    ['atomicPut', (pair) => kv.atomicPut('a', '2', pair)],
    ['atomicDelete', (pair) => kv.atomicDelete('a', pair)],
    ['transaction', () => kv.transaction([{ type: 'remove', key: 'a' }])],
  ])('make every other write ambiguous, too: %s', async (_name, write) => {
    const pair = await kv.put('a', '1')
    faults.loseAnswers()
    expect(await codeOf(write(pair))).toBe('NOT_REACHABLE, ambiguous')
    expect((await kv.get('a'))?.revision).not.toBe(pair.revision)
  })

  it('are not noticed by whoever reads, for reads are repeated', async () => {
    await kv.put('a', '1')
    faults.loseAnswers(2)
    expect((await kv.get('a'))?.text()).toBe('1')
    faults.loseAnswers(1)
    expect(await kv.keys('')).toEqual(['a'])
  })

  it('hit as many requests as were asked for', async () => {
    faults.loseAnswers(2)
    faults.loseAnswers(1)
    const codes = []
    for (let i = 0; i < 4; i++) codes.push(await codeOf(kv.put('a', '1')))
    const lost = 'NOT_REACHABLE, ambiguous'
    expect(codes).toEqual([lost, lost, lost, 'went through'])
  })

  it('show that a program repeats what it must not', async () => {
    const increment = async (): Promise<void> => {
      const pair = await kv.get('n')
      faults.loseAnswers(pair === null ? 1 : 0)
      await kv.put('n', String(Number(pair?.text() ?? 0) + 1))
    }
    const careless = (): Promise<void> => increment().catch(increment)
    await careless()
    expect((await kv.get('n'))?.text()).toBe('2')
  })
})

describe('refused requests', () => {
  it('are repeated, and have not happened', async () => {
    faults.refuse(2)
    const pair = await kv.put('a', '1')
    expect(pair.revision).toBe(pair.createRevision)
  })

  it('are NOT_REACHABLE and not ambiguous when there are too many', async () => {
    faults.refuse(1_000)
    expect(await codeOf(kv.put('a', '1'))).toBe('NOT_REACHABLE')
    faults.reset()
    expect(await kv.get('a')).toBeNull()
  })

  it('are not used up by those that nobody waits for any more', async () => {
    faults.delay = 20
    faults.refuse(1)
    const controller = new AbortController()
    const aborted = kv.get('a', { signal: controller.signal })
    controller.abort()
    await expect(aborted).rejects.toBe(controller.signal.reason)
    await elapse(40)
    faults.delay = 0
    const start = performance.now()
    await kv.get('a')
    // It was refused once, so there was a pause.
    expect(performance.now() - start).toBeGreaterThan(5)
  })
})

describe('a delay', () => {
  it('holds each request up', async () => {
    faults.delay = 30
    const start = performance.now()
    await kv.put('a', '1')
    expect(performance.now() - start).toBeGreaterThanOrEqual(28)
  })

  it('beyond the timeout is TIMEOUT, and not ambiguous, for the request was not sent yet', async () => {
    faults.delay = 10_000
    expect(await codeOf(kv.put('a', '1', { timeout: 20 }))).toBe('TIMEOUT')
    faults.delay = 0
    expect(await kv.get('a')).toBeNull()
  })

  it('is cut short by an abort, and the request is not carried out', async () => {
    faults.delay = 10_000
    const controller = new AbortController()
    const writing = kv.put('a', '1', { signal: controller.signal })
    await atMost(500, 'the abort', async () => {
      controller.abort(new Error('enough'))
      await expect(writing).rejects.toThrow('enough')
    })
    faults.delay = 0
    expect(await kv.get('a')).toBeNull()
  })
})

describe('a connection that is cut', () => {
  it('makes calls fail within connectionTimeout', async () => {
    faults.disconnect()
    expect(faults.connected).toBe(false)
    await atMost(3 * 300 + 1_000, 'three refusals', async () => {
      expect(await codeOf(kv.get('a'))).toBe('NOT_REACHABLE')
      expect(await codeOf(kv.put('a', '1'))).toBe('NOT_REACHABLE')
      expect(await codeOf(kv.ready())).toBe('NOT_REACHABLE')
    })
  })

  it('lets calls wait that begin just before it heals', async () => {
    faults.disconnect()
    const reading = kv.get('a', { timeout: 5_000 })
    setTimeout(() => {
      faults.reconnect()
    }, 10)
    expect(await reading).toBeNull()
    expect(faults.connected).toBe(true)
  })

  it('cuts all stores of the name and no other one', async () => {
    const same = memory([name], { connectionTimeout: 20 })
    const other = memory([`${name}-other`])
    faults.disconnect()
    expect(await codeOf(same.get('a'))).toBe('NOT_REACHABLE')
    expect(await codeOf(other.get('a'))).toBe('went through')
    await other.close()
    faults.reconnect()
    await same.close()
  })

  it('lets the time to live of keys go on', async () => {
    await kv.put('a', '1', { ttl: 100 })
    faults.disconnect()
    await elapse(150)
    faults.reconnect()
    expect(await kv.get('a')).toBeNull()
  })
})

describe('a watch through an outage', () => {
  it('falls silent, heals, and shows the last state', async () => {
    const states = iterate(kv.watch('a'))
    expect((await states.next()).value).toBeNull()
    await kv.put('a', '1')
    expect((await states.next()).value?.text()).toBe('1')
    const next = states.next()
    faults.disconnect()
    await elapse(20)
    // A session of its own is over in the meantime: its key is gone when the watch can look again.
    faults.reconnect()
    await kv.put('a', '2')
    expect((await next).value?.text()).toBe('2')
    await states.return?.()
  })

  it('shows what has expired while it was silent', async () => {
    await kv.put('d/gone', '1', { ttl: 100 })
    await kv.put('d/stays', '1')
    const states = iterate(kv.watchTree('d'))
    await states.next()
    const next = states.next()
    faults.disconnect()
    await elapse(150)
    faults.reconnect()
    const { value } = await next
    expect(value?.changes).toEqual([
      { type: 'delete', key: 'd/gone', previous: expect.objectContaining({ key: 'd/gone' }) },
    ])
    expect(value?.pairs.map((pair: KVPair) => pair.key)).toEqual(['d/stays'])
    await states.return?.()
  })

  it('delivers nothing twice when nothing has happened', async () => {
    await kv.put('a', '1')
    const states = iterate(kv.watch('a'))
    await states.next()
    const next = states.next()
    for (let i = 0; i < 3; i++) {
      faults.disconnect()
      faults.reconnect()
    }
    const pair = await kv.put('a', '2')
    expect((await next).value?.revision).toBe(pair.revision)
    await states.return?.()
  })

  it('can be opened during the outage, and yields once that is over', async () => {
    await kv.put('a', '1')
    faults.disconnect()
    const first = iterate(kv.watch('a')).next()
    await elapse(20)
    faults.reconnect()
    expect((await first).value?.text()).toBe('1')
  })

  it('can be ended during the outage', async () => {
    const controller = new AbortController()
    const states = iterate(kv.watch('a', { signal: controller.signal }))
    await states.next()
    faults.disconnect()
    controller.abort(new Error('enough'))
    await expect(states.next()).rejects.toThrow('enough')
  })
})

describe('sessions that are dropped', () => {
  it('are counted, and take their keys along', async () => {
    const sessions = await Promise.all([kv.session({ ttl: 300 }), kv.session({ ttl: 300 })])
    for (const [i, session] of sessions.entries()) {
      await kv.put(`s/${String(i)}`, 'here', { session })
    }
    expect(faults.sessions).toBe(2)
    expect(faults.dropSessions()).toBe(2)
    expect(await kv.keys('s')).toEqual([])
    expect([faults.sessions, faults.dropSessions()]).toEqual([0, 0])
    // The client learns of it at its next renewal.
    await waitFor(() => sessions.every((session) => !session.isAlive()), {
      what: 'the loss to be noticed',
    })
    expect(sessions[0]?.signal.reason).toMatchObject({ code: 'SESSION_EXPIRED' })
  })

  it('lose a lock under the work that it protects', async () => {
    const work = withLock(
      kv,
      'jobs',
      async (signal) => {
        faults.dropSessions()
        await waitFor(() => signal.aborted, { what: 'the loss to be noticed' })
      },
      { ttl: 5_000 },
    )
    expect(await codeOf(work)).toBe('LOCK_LOST')
  })

  it('let the next in line have the lock, with a higher token', async () => {
    const first = await kv.newLock('jobs', { ttl: 5_000 }).lock()
    faults.dropSessions()
    const second = await kv.newLock('jobs').lock()
    expect(second.token).toBeGreaterThan(first.token)
    await waitFor(() => !first.isHeld(), { what: 'the loss to be noticed' })
    expect(second.isHeld()).toBe(true)
  })
})

describe('a session through an outage', () => {
  it('survives one that is short', async () => {
    const session = await kv.session({ ttl: 600 })
    await kv.put('s', 'here', { session })
    faults.disconnect()
    await elapse(150)
    faults.reconnect()
    await elapse(600)
    expect(session.isAlive()).toBe(true)
    expect(await kv.exists('s')).toBe(true)
  })

  it('is over before the server gives its keys to others when it is long', async () => {
    const session = await kv.session({ ttl: 200 })
    await kv.put('s', 'here', { session })
    const sessions: number[] = []
    session.signal.addEventListener('abort', () => sessions.push(faults.sessions))
    faults.disconnect()
    await waitFor(() => !session.isAlive(), { what: 'the loss to be noticed' })
    expect(sessions).toEqual([1])
    await waitFor(() => faults.sessions === 0, { what: 'all sessions to be gone' })
    faults.reconnect()
    expect(await kv.exists('s')).toBe(false)
    expect(await codeOf(kv.put('s', '1', { session }))).toBe('SESSION_EXPIRED')
  })
})

describe('reset()', () => {
  it('ends all faults', async () => {
    faults.loseAnswers(9)
    faults.refuse(9)
    faults.delay = 9_999
    faults.disconnect()
    faults.reset()
    await kv.put('a', '1')
    expect([faults.connected, faults.delay]).toEqual([true, 0])
    expect((await kv.get('a'))?.text()).toBe('1')
  })
})
