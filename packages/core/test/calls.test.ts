import { getEventListeners } from 'node:events'
import { inspect } from 'node:util'
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals'
import { check, LibkvError, put, remove } from '../src/index.ts'
import { openStore } from '../src/driver.ts'
import type { CallOptions, KVPair, Store, StoreOptions } from '../src/index.ts'
import { ManualRuntime, turn } from './manual-runtime.ts'
import { Outcome, refusal } from './outcome.ts'
import {
  answers,
  committed,
  entryOf,
  fails,
  Gate,
  hangs,
  hangsSent,
  losesAnswer,
  refuses,
  ScriptedDriver,
} from './scripted-driver.ts'
import type { Method } from './scripted-driver.ts'

const before = {
  key: 'a',
  value: new Uint8Array(),
  revision: 1n,
  createRevision: 1n,
} as unknown as KVPair

interface Kind {
  readonly name: string
  readonly method: Method
  readonly answer: unknown
  readonly run: (kv: Store, options?: CallOptions) => Promise<unknown>
}

const scanned = { entries: [], revision: 1n }

const reads: readonly Kind[] = [
  { name: 'get', method: 'read', answer: null, run: (kv, o) => kv.get('a', o) },
  { name: 'exists', method: 'read', answer: null, run: (kv, o) => kv.exists('a', o) },
  { name: 'list', method: 'scan', answer: scanned, run: (kv, o) => kv.list('a', o) },
  { name: 'keys', method: 'scan', answer: scanned, run: (kv, o) => kv.keys('a', o) },
  { name: 'ready', method: 'ping', answer: undefined, run: (kv, o) => kv.ready(o) },
]

const writes: readonly Kind[] = [
  { name: 'put', method: 'commit', answer: committed(), run: (kv, o) => kv.put('a', '1', o) },
  { name: 'delete', method: 'commit', answer: committed(), run: (kv, o) => kv.delete('a', o) },
  { name: 'deleteTree', method: 'removeTree', answer: 2, run: (kv, o) => kv.deleteTree('a', o) },
  {
    name: 'atomicPut',
    method: 'commit',
    answer: committed(),
    run: (kv, o) => kv.atomicPut('a', '1', null, o),
  },
  {
    name: 'atomicDelete',
    method: 'commit',
    answer: committed(),
    run: (kv, o) => kv.atomicDelete('a', before, o),
  },
  {
    name: 'transaction',
    method: 'commit',
    answer: committed(),
    run: (kv, o) => kv.transaction([check('a', null), put('b', '1')], o),
  },
]

let runtime: ManualRuntime
let driver: ScriptedDriver
const open = (options: StoreOptions = {}): Store => openStore(driver, { runtime, ...options })

beforeEach(() => {
  runtime = new ManualRuntime()
  driver = new ScriptedDriver()
})

afterEach(async () => {
  expect(await runtime.leftTimers()).toBe(0)
})

describe('a call that fails for a reason that may pass', () => {
  it.each(reads)('is repeated when it reads: $name', async ({ method, answer, run }) => {
    driver.script(method, refuses, fails('BACKEND_ERROR', { retryable: true }), answers(answer))
    const outcome = new Outcome(run(open()))
    await runtime.advance(1_000)
    expect(outcome.state).toBe('resolved')
    expect(driver.of(method)).toHaveLength(3)
  })

  it.each(reads)('is repeated when it reads and its answer was lost: $name', async (kind) => {
    driver.script(kind.method, losesAnswer, answers(kind.answer))
    const outcome = new Outcome(kind.run(open()))
    await runtime.advance(1_000)
    expect(outcome.state).toBe('resolved')
  })

  it.each(writes)('is repeated when it writes and did not happen: $name', async (kind) => {
    driver.script(kind.method, refuses, refuses, answers(kind.answer))
    const outcome = new Outcome(kind.run(open()))
    await runtime.advance(1_000)
    expect(outcome.state).toBe('resolved')
    expect(driver.of(kind.method)).toHaveLength(3)
  })

  it.each(writes)('is not repeated when it writes and may have happened: $name', async (kind) => {
    driver.script(kind.method, losesAnswer, answers(kind.answer))
    const error = await refusal(kind.run(open()), 'NOT_REACHABLE')
    expect(error).toMatchObject({ ambiguous: true, retryable: true })
    await runtime.advance(60_000)
    expect(driver.of(kind.method)).toHaveLength(1)
  })

  it('pauses longer and longer between the attempts, up to half a second', async () => {
    const moments: number[] = []
    driver.script('read', (...request) => {
      moments.push(runtime.now())
      return refuses(...request)
    })
    const outcome = new Outcome(open().get('a'))
    await runtime.advance(60_000)
    expect(outcome.state).toBe('rejected')
    const pauses = moments.slice(1).map((moment, i) => moment - (moments[i] ?? 0))
    expect(pauses.slice(0, 6)).toEqual([15, 30, 60, 120, 240, 375])
    expect(Math.max(...pauses)).toBe(375)
  })

  it('tells the driver which attempts are repeated ones', async () => {
    const isRepeated: unknown[] = []
    driver.script('read', (call, args) => {
      isRepeated.push(call.isRepeated)
      return isRepeated.length < 3 ? refuses(call, args) : null
    })
    const outcome = new Outcome(open().get('a'))
    await runtime.advance(1_000)
    expect(outcome.state).toBe('resolved')
    expect(isRepeated).toEqual([false, true, true])
  })

  it('is given up with the reason when that does not pass', async () => {
    driver.script('read', fails('ACCESS_DENIED'), answers(null))
    await refusal(open().get('a'), 'ACCESS_DENIED')
    expect(driver.requests).toHaveLength(1)
  })

  it('rejects with what is no error of libkv as it is', async () => {
    const bug = new RangeError('a bug')
    driver.script('read', () => {
      throw bug
    })
    await expect(open().get('a')).rejects.toBe(bug)
    expect(driver.requests).toHaveLength(1)
  })
})

describe('a store that nobody answers', () => {
  it.each([...reads, ...writes])(
    'is NOT_REACHABLE within connectionTimeout: $name',
    async (kind) => {
      driver.script(kind.method, refuses)
      const outcome = new Outcome(kind.run(open({ connectionTimeout: 700 })))
      await runtime.advance(400)
      expect(outcome.state).toBe('pending')
      await runtime.advance(300)
      expect(outcome.error).toMatchObject({
        code: 'NOT_REACHABLE',
        ambiguous: false,
        retryable: true,
      })
      const { length } = driver.requests
      await runtime.advance(60_000)
      expect(driver.requests).toHaveLength(length)
    },
  )

  it('is looked for anew, for connectionTimeout, after it has answered once', async () => {
    const busy = fails('BACKEND_ERROR', { retryable: true }, 'no leader')
    const gate = new Gate()
    driver.script('read', gate.step, refuses)
    const outcome = new Outcome(open({ connectionTimeout: 700 }).get('a'))
    await runtime.advance(600)
    gate.resolve(Promise.resolve().then(() => busy(undefined as never, [])))
    await runtime.advance(400)
    expect(outcome.state).toBe('pending')
    await runtime.advance(300)
    expect(outcome.error).toMatchObject({ code: 'NOT_REACHABLE' })
  })

  it('is NOT_REACHABLE to ready() as to all others, when connecting takes for ever', async () => {
    driver.script('ping', (call) => {
      return new Promise((_resolve, reject) => {
        runtime.setTimer(() => {
          reject(new LibkvError('NOT_REACHABLE', 'no route', { retryable: true }))
        }, call.connectDeadline - runtime.now())
      })
    })
    const outcome = new Outcome(open({ connectionTimeout: 700 }).ready())
    await runtime.advance(699)
    expect(outcome.state).toBe('pending')
    await runtime.advance(1)
    expect(outcome.error).toMatchObject({ code: 'NOT_REACHABLE' })
  })
})

describe('a deadline', () => {
  it('is requestTimeout for a call that names none', async () => {
    driver.script('read', hangs)
    const outcome = new Outcome(open({ requestTimeout: 2_000 }).get('a'))
    await runtime.advance(1_999)
    expect(outcome.state).toBe('pending')
    await runtime.advance(1)
    expect(outcome.error).toMatchObject({ code: 'TIMEOUT', retryable: true })
  })

  it.each([50, 120_000])(
    'is the timeout of the call where there is one: %p ms',
    async (timeout) => {
      driver.script('read', hangs)
      const outcome = new Outcome(open().get('a', { timeout }))
      await runtime.advance(timeout - 1)
      expect(outcome.state).toBe('pending')
      await runtime.advance(1)
      expect(outcome.error).toMatchObject({ code: 'TIMEOUT' })
      expect(driver.requests[0]?.cancellations).toBe(1)
    },
  )

  it('counts over all attempts together', async () => {
    driver.script('read', fails('BACKEND_ERROR', { retryable: true }))
    const outcome = new Outcome(open().get('a', { timeout: 1_000 }))
    await runtime.advance(1_000)
    expect(outcome.state).toBe('rejected')
  })

  it.each(writes)('is ambiguous for a write that was sent: $name', async ({ method, run }) => {
    driver.script(method, hangsSent)
    const outcome = new Outcome(run(open(), { timeout: 50 }))
    await runtime.advance(50)
    expect(outcome.error).toMatchObject({ code: 'TIMEOUT', ambiguous: true })
  })

  it.each(writes)('is not ambiguous for a write that was not: $name', async ({ method, run }) => {
    driver.script(method, hangs)
    const outcome = new Outcome(run(open(), { timeout: 50 }))
    await runtime.advance(50)
    expect(outcome.error).toMatchObject({ code: 'TIMEOUT', ambiguous: false })
  })

  it.each(reads)('is never ambiguous for a read: $name', async ({ method, run }) => {
    driver.script(method, hangsSent)
    const outcome = new Outcome(run(open(), { timeout: 50 }))
    await runtime.advance(50)
    expect(outcome.error).toMatchObject({ code: 'TIMEOUT', ambiguous: false })
  })

  it('is not ambiguous when the attempt that was sent had been refused', async () => {
    driver.script(
      'commit',
      (call) => {
        call.markSent()
        throw new LibkvError('BACKEND_ERROR', 'no leader', { retryable: true })
      },
      hangs,
    )
    const outcome = new Outcome(open().put('a', '1', { timeout: 500 }))
    await runtime.advance(500)
    expect(driver.requests).toHaveLength(2)
    expect(outcome.error).toMatchObject({ code: 'TIMEOUT', ambiguous: false })
  })

  it('is kept to the millisecond by each of many calls, in whatever order they were made and others are answered', async () => {
    const gates = Array.from({ length: 6 }, () => new Gate())
    driver.script('read', ...gates.flatMap((gate) => [hangs, gate.step]))
    const kv = open()
    const timeouts = [400, 70, 5_000, 150, 1_000, 90]
    const hanging: Outcome<unknown>[] = []
    const answered: Outcome<unknown>[] = []
    for (const timeout of timeouts) {
      hanging.push(new Outcome(kv.get('a', { timeout })))
      answered.push(new Outcome(kv.get('b', { timeout })))
    }
    // Each time one in the middle goes, another takes its place.
    for (const i of [3, 0, 5, 1, 4, 2]) {
      gates[i]?.resolve(null)
      await turn()
      expect(answered[i]?.state).toBe('resolved')
    }
    let now = 0
    for (const timeout of [...timeouts].sort((a, b) => a - b)) {
      const outcome = hanging[timeouts.indexOf(timeout)]
      await runtime.advance(timeout - 1 - now)
      expect(outcome?.state).toBe('pending')
      await runtime.advance(1)
      expect(outcome?.error).toMatchObject({ code: 'TIMEOUT' })
      now = timeout
    }
  })

  it('takes one timer for a thousand calls, which goes when they are answered', async () => {
    driver.script('read', answers(null))
    const kv = open()
    const calls = Array.from({ length: 1_000 }, () => kv.get('a'))
    expect(runtime.pendingTimers).toBe(1)
    await Promise.all(calls)
    await runtime.advance(100)
    expect(runtime.pendingTimers).toBe(0)
  })

  it('is kept although the timer of earlier ones was lost', async () => {
    driver.script('read', answers(null), hangs)
    let isFrozen = false
    const unlessFrozen = new Proxy(runtime, {
      get: (target, name) => {
        if (name !== 'setTimer') return Reflect.get(target, name).bind(target)
        return (callback: () => void, ms: number) =>
          target.setTimer(() => {
            if (!isFrozen) callback()
          }, ms)
      },
    })
    const kv = open({ runtime: unlessFrozen })
    await kv.get('a')
    isFrozen = true
    await runtime.advance(2_000)
    isFrozen = false
    const outcome = new Outcome(kv.get('a', { timeout: 500 }))
    await runtime.advance(500)
    expect(outcome.error).toMatchObject({ code: 'TIMEOUT' })
  })

  it('leaves no timer when the store is closed', async () => {
    driver.script('read', answers(null), hangs)
    const kv = open()
    await kv.get('a')
    const outcome = new Outcome(kv.get('a'))
    await kv.close()
    expect(outcome.error).toMatchObject({ code: 'CLOSED' })
    expect(runtime.pendingTimers).toBe(0)
  })

  it.each([0, -1, Number.NaN, Infinity])(
    'of %p is INVALID_OPTION before any I/O',
    async (timeout) => {
      for (const { run } of [...reads, ...writes]) {
        await refusal(run(open(), { timeout }), 'INVALID_OPTION')
      }
      expect(driver.requests).toEqual([])
    },
  )
})

describe('an abort', () => {
  const reason = new Error('no longer interested')

  it.each([...reads, ...writes])(
    'settles the call at once with its own reason: $name',
    async (kind) => {
      const { signal, abort } = abortable()
      driver.script(kind.method, hangsSent)
      const outcome = new Outcome(kind.run(open(), { signal }))
      await turn()
      expect(getEventListeners(signal, 'abort')).toHaveLength(1)
      abort(reason)
      await turn()
      expect(outcome.error).toBe(reason)
      expect(driver.requests[0]?.cancellations).toBe(1)
      expect(driver.requests[0]?.call.settled).toBe(true)
      expect(getEventListeners(signal, 'abort')).toHaveLength(0)
    },
  )

  it.each([...reads, ...writes])(
    'beforehand keeps the call from being made: $name',
    async (kind) => {
      const signal = AbortSignal.abort(reason)
      await expect(kind.run(open(), { signal })).rejects.toBe(reason)
      expect(driver.requests).toEqual([])
    },
  )

  it('between two attempts keeps the next one from being made', async () => {
    const { signal, abort } = abortable()
    driver.script('read', refuses)
    const outcome = new Outcome(open().get('a', { signal }))
    await runtime.advance(10)
    abort(reason)
    await runtime.advance(60_000)
    expect(outcome.error).toBe(reason)
    expect(driver.requests).toHaveLength(1)
  })

  it('after the answer changes nothing, and nothing listens any more', async () => {
    const { signal, abort } = abortable()
    driver.script('read', answers(entryOf('a', 'tea')))
    const pair = await open().get('a', { signal })
    expect(getEventListeners(signal, 'abort')).toHaveLength(0)
    abort(reason)
    await turn()
    expect(pair?.text()).toBe('tea')
    expect(driver.requests[0]?.cancellations).toBe(0)
  })

  it('with a reason that is no error is passed on as it is', async () => {
    driver.script('read', hangs)
    const { signal, abort } = abortable()
    const outcome = new Outcome(open().get('a', { signal }))
    abort('enough')
    await turn()
    expect(outcome).toMatchObject({ state: 'rejected', error: 'enough' })
  })

  it('leaves nothing on a signal that outlives a thousand calls', async () => {
    const { signal } = abortable()
    driver.script('read', refuses, answers(null))
    const kv = open()
    for (let i = 0; i < 1_000; i++) {
      const call = kv.get('a', { signal })
      await runtime.advance(15)
      await call
    }
    expect(getEventListeners(signal, 'abort')).toHaveLength(0)
  })
})

describe('an answer that comes too late', () => {
  it('is discarded, be it good or bad', async () => {
    const [good, bad] = [new Gate(), new Gate()]
    driver.script('read', good.step, bad.step)
    const kv = open()
    const outcomes = [1, 2].map(() => new Outcome(kv.get('a', { timeout: 50 })))
    await runtime.advance(50)
    good.resolve(entryOf('a', 'late'))
    bad.reject(new LibkvError('NOT_REACHABLE', 'late', { retryable: true }))
    await runtime.advance(1_000)
    for (const { error } of outcomes) expect(error).toMatchObject({ code: 'TIMEOUT' })
    expect(driver.requests).toHaveLength(2)
  })

  it.each(['abort', 'deadline', 'close'] as const)(
    'closes the session that was opened for nobody, after an %s',
    async (end) => {
      const { signal, abort } = abortable()
      const gate = new Gate()
      driver.script('openSession', gate.step)
      const kv = open()
      const outcome = new Outcome(kv.session({ signal, timeout: 50 }))
      await turn()
      if (end === 'abort') abort()
      if (end === 'deadline') await runtime.advance(50)
      if (end === 'close') void kv.close()
      await turn()
      expect(outcome.state).toBe('rejected')
      expect(driver.of('closeSession')).toHaveLength(0)
      gate.resolve()
      await turn()
      expect(driver.of('closeSession')).toHaveLength(1)
    },
  )
})

describe('an error', () => {
  it('names operation, key, backend and endpoint, and keeps what the driver knew', async () => {
    const cause = new Error('ECONNREFUSED')
    const current = { key: 'services/web' } as KVPair
    driver.script('read', fails('BACKEND_ERROR', { cause, current }, 'out of space'))
    const error = await refusal(open().get('/services/web/'), 'BACKEND_ERROR')
    expect(error.message).toBe("get 'services/web' on scripted (10.0.0.1:2379): out of space")
    expect(error).toMatchObject({ backend: 'scripted', key: 'services/web' })
    expect(error.cause).toBe(cause)
    expect(error.current).toBe(current)
  })

  it('names the key as the caller knows it, without the namespace', async () => {
    driver.script(
      'commit',
      answers({ committed: false, failed: 0, current: entryOf('app/a', 'theirs', 9n) }),
    )
    const error = await refusal(
      open({ namespace: 'app' }).atomicPut('a', 'mine', null),
      'KEY_EXISTS',
    )
    expect(error).toMatchObject({ key: 'a', ambiguous: false, retryable: false })
    expect(error.message).toContain("atomicPut 'a' on scripted (10.0.0.1:2379)")
    expect(error.message).not.toContain('app')
    expect(error.current).toMatchObject({ key: 'a', revision: 9n })
    expect(error.current?.text()).toBe('theirs')
  })

  it('of a transaction names the check that did not hold', async () => {
    driver.script('commit', answers({ committed: false, failed: 1, current: null }))
    const operations = [
      check('a', null),
      put('c', '1'),
      check('b', { ...before, key: 'b' }),
      remove('a'),
    ]
    const error = await refusal(open().transaction(operations), 'TRANSACTION_FAILED')
    expect(error).toMatchObject({ key: 'b', current: null })
    expect(error.message).toContain("transaction 'b'")
  })

  it('of a deadline names operation, key, backend and endpoint', async () => {
    driver.script('commit', hangsSent)
    const outcome = new Outcome(open().put('a', '1', { timeout: 50 }))
    await runtime.advance(50)
    expect((outcome.error as Error).message).toBe(
      "put 'a' on scripted (10.0.0.1:2379): no answer within 50 ms",
    )
  })

  it('of a watch names the call that opened it', async () => {
    for (const [name, watch] of [
      ['watch', open().watch('a')],
      ['watchTree', open().watchTree('a')],
    ] as const) {
      const next = watch[Symbol.asyncIterator]().next()
      driver.feeds.at(-1)?.observer.fail(new LibkvError('ACCESS_DENIED', 'no'))
      const error = await refusal(next, 'ACCESS_DENIED')
      expect(error.message).toBe(`${name} 'a' on scripted (10.0.0.1:2379): no`)
    }
  })
})

describe('a secret of the store', () => {
  it('is in no error, although the server repeats it', async () => {
    const secret = 'hunter2-s3cret'
    driver.secrets = [secret]
    const cause = new Error('request failed', { cause: new Error(`token ${secret} is wrong`) })
    driver.script('read', fails('ACCESS_DENIED', { cause }, `no rights for ${secret}\n(${secret})`))
    const error = await refusal(open().get('a'), 'ACCESS_DENIED')
    expect(error.message).toContain('no rights for ***\\u000a(***)')
    expect(error.cause).toBeUndefined()
    expect(inspect(error, { showHidden: true, depth: 9 })).not.toContain(secret)
  })

  it('leaves the cause of an error that does not hold it', async () => {
    const cause = new Error('refused')
    driver.secrets = ['hunter2-s3cret', 'abc']
    driver.script('read', fails('ACCESS_DENIED', { cause }, 'abc'))
    const error = await refusal(open().get('a'), 'ACCESS_DENIED')
    expect(error.message).toMatch(/: abc$/)
    expect(error.cause).toBe(cause)
  })
})

describe('close()', () => {
  it.each([...reads, ...writes])('rejects the call in flight with CLOSED: $name', async (kind) => {
    driver.script(kind.method, hangsSent)
    const kv = open()
    const outcome = new Outcome(kind.run(kv))
    await turn()
    await kv.close()
    await turn()
    expect(outcome.error).toMatchObject({ code: 'CLOSED', backend: 'scripted' })
    expect(driver.requests[0]?.cancellations).toBe(1)
  })

  it.each([...reads, ...writes])('refuses later calls before any I/O: $name', async (kind) => {
    const kv = open()
    await kv.close()
    await refusal(kind.run(kv), 'CLOSED')
    expect(driver.requests).toEqual([])
  })

  it('rejects a call that pauses between two attempts', async () => {
    driver.script('read', refuses)
    const kv = open()
    const outcome = new Outcome(kv.get('a'))
    await runtime.advance(5)
    await kv.close()
    await turn()
    expect(outcome.error).toMatchObject({ code: 'CLOSED' })
    await runtime.advance(60_000)
    expect(driver.requests).toHaveLength(1)
  })

  it('still closes sessions on the server, and only then the driver', async () => {
    const gate = new Gate()
    driver.script('closeSession', gate.step)
    const kv = open()
    const session = await kv.session({ ttl: 9_000 })
    const closing = new Outcome(kv.close())
    await turn()
    expect(session.isAlive()).toBe(false)
    expect(driver.of('closeSession')).toHaveLength(1)
    expect(driver.closed).toBe(0)
    gate.resolve()
    await turn()
    expect(closing.state).toBe('resolved')
    expect(driver.closed).toBe(1)
  })

  it('waits for the session that an aborted caller left behind', async () => {
    const [opening, closing] = [new Gate(), new Gate()]
    driver.script('openSession', opening.step).script('closeSession', closing.step)
    const kv = open()
    const { signal, abort } = abortable()
    const outcome = new Outcome(kv.session({ signal }))
    await turn()
    abort()
    opening.resolve()
    await turn()
    expect(outcome.state).toBe('rejected')
    const closed = new Outcome(kv.close())
    await turn()
    expect([closed.state, driver.closed]).toEqual(['pending', 0])
    closing.resolve()
    await turn()
    expect([closed.state, driver.closed]).toEqual(['resolved', 1])
  })

  it('does not fail when the server cannot be told, and does not take longer than a request may', async () => {
    driver.script('closeSession', refuses)
    const kv = open({ connectionTimeout: 700 })
    await kv.session()
    const closed = new Outcome(kv.close())
    await runtime.advance(700)
    expect([closed.state, driver.closed]).toEqual(['resolved', 1])
  })

  it('is idempotent', async () => {
    const kv = open()
    await Promise.all([kv.close(), kv.close()])
    await kv.close()
    await kv[Symbol.asyncDispose]()
    expect(driver.closed).toBe(1)
  })

  it('ends watches and refuses new ones', async () => {
    const kv = open()
    const watch = kv.watch('a')
    const next = watch[Symbol.asyncIterator]().next()
    await kv.close()
    await expect(next).resolves.toEqual({ done: true, value: undefined })
    expect(driver.feeds[0]?.closed).toBe(true)
    expect(() => kv.watch('a')).toThrow(expect.objectContaining({ code: 'CLOSED' }))
    expect(() => watch[Symbol.asyncIterator]()).toThrow(expect.objectContaining({ code: 'CLOSED' }))
  })
})

function abortable(): { signal: AbortSignal; abort: (reason?: unknown) => void } {
  const controller = new AbortController()
  return {
    signal: controller.signal,
    abort: (reason) => {
      controller.abort(reason)
    },
  }
}
