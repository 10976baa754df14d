import { afterEach, beforeEach, describe, expect, it } from '@jest/globals'
import { LibkvError } from '../src/index.ts'
import { BackgroundCall, Endpoint, EndpointPool } from '../src/driver.ts'
import type { Call, InFlightRequest } from '../src/driver.ts'
import { ManualRuntime, turn } from './manual-runtime.ts'
import { refusal } from './outcome.ts'

const CONNECTION_TIMEOUT = 5_000

let runtime: ManualRuntime
let pools: EndpointPool<ScriptedEndpoint>[]

/** A server whose behaviour a test sets. */
class ScriptedEndpoint extends Endpoint {
  /** `hangs`: neither connections nor probes are answered. */
  state: 'up' | 'refuses' | 'hangs' | 'without quorum' = 'up'
  /** When the server was asked whether it is there. */
  readonly reached: number[] = []
  /** How long each attempt took that was cancelled at its deadline. */
  readonly patience: number[] = []
  disconnects = 0
  closed = false

  close(): void {
    this.closed = true
  }

  send(kind: InFlightRequest['kind'] = 'write'): {
    readonly answer: () => void
    readonly fail: () => void
    readonly cancel: () => void
    readonly error: () => LibkvError | undefined
  } {
    let error: LibkvError | undefined
    const request: InFlightRequest = {
      since: runtime.now(),
      kind,
      abandon: (reason) => (error = reason),
    }
    this.started(request)
    return {
      answer: () => {
        if (this.ended(request)) this.answered()
      },
      fail: () => {
        if (this.ended(request)) this.failed(refused())
      },
      cancel: () => {
        if (this.ended(request)) this.cancelled(request)
      },
      error: () => error,
    }
  }

  protected async reach(call: Call): Promise<void> {
    const start = runtime.now()
    this.reached.push(start)
    await Promise.resolve()
    if (this.state === 'refuses') {
      this.failed(refused())
      throw refused()
    }
    if (this.state !== 'hangs') return
    await new Promise<never>((_resolve, reject) => {
      call.onCancel(() => {
        this.patience.push(runtime.now() - start)
        reject(new LibkvError('NOT_REACHABLE', 'no answer', { retryable: true }))
      })
    })
  }

  protected override async serves(call: Call): Promise<boolean> {
    await super.serves(call)
    return this.state !== 'without quorum'
  }

  protected disconnect(): void {
    this.disconnects++
  }
}

const refused = (): LibkvError => new LibkvError('NOT_REACHABLE', 'refused', { retryable: true })

function poolOf(size: number, silentProbeInterval?: number): EndpointPool<ScriptedEndpoint> {
  const endpoints = Array.from(
    { length: size },
    (_, i) =>
      new ScriptedEndpoint(`server-${String(i)}:1`, {
        runtime,
        connectionTimeout: CONNECTION_TIMEOUT,
        isTls: false,
        isOnly: size === 1,
      }),
  )
  const pool = new EndpointPool(endpoints, { backend: 'scripted', runtime, silentProbeInterval })
  pools.push(pool)
  return pool
}

const call = (timeout = 10_000): BackgroundCall =>
  new BackgroundCall({ runtime, requestTimeout: timeout, connectionTimeout: CONNECTION_TIMEOUT })

/**
 * A pool, all of whose endpoints are healthy and have just answered; the one that is preferred, and the next one, which is the same
 * where there is no other.
 */
async function connected(
  size: number,
  silentProbeInterval?: number,
): Promise<[EndpointPool<ScriptedEndpoint>, ScriptedEndpoint, ScriptedEndpoint]> {
  const pool = poolOf(size, silentProbeInterval)
  const first = await pool.connect(call())
  await Promise.all(pool.endpoints.map((endpoint) => endpoint.connect()))
  for (const endpoint of pool.endpoints) {
    endpoint.send().answer()
    endpoint.reached.length = 0
  }
  return [pool, first, pool.endpoints.find((endpoint) => endpoint !== first) ?? first]
}

beforeEach(() => {
  runtime = new ManualRuntime()
  pools = []
})

afterEach(() => {
  for (const pool of pools) pool.close()
})

describe('connecting', () => {
  it('takes the first endpoint that answers, of all at once', async () => {
    const pool = poolOf(3)
    const [a, b, c] = pool.endpoints as [ScriptedEndpoint, ScriptedEndpoint, ScriptedEndpoint]
    a.state = 'hangs'
    b.state = 'refuses'
    expect(pool.preferred).toBeUndefined()
    expect(await pool.connect(call())).toBe(c)
    expect(pool.preferred).toBe(c)
    expect([a, b, c].map(({ reached }) => reached.length)).toEqual([1, 1, 1])
  })

  it('fails with the reason of each endpoint', async () => {
    const pool = poolOf(2)
    const [a, b] = pool.endpoints as [ScriptedEndpoint, ScriptedEndpoint]
    a.state = 'refuses'
    b.state = 'hangs'
    const failing = refusal(pool.connect(call()), 'NOT_REACHABLE')
    await runtime.advance(CONNECTION_TIMEOUT)
    const error = await failing
    expect(error).toMatchObject({ retryable: true, ambiguous: false })
    expect(error.message).toContain('refused; server-1:1: the server did not answer')
  })

  it('makes one attempt, whoever waits', async () => {
    const pool = poolOf(1)
    const [endpoint] = pool.endpoints as [ScriptedEndpoint]
    await Promise.all(Array.from({ length: 100 }, () => pool.connect(call())))
    expect(endpoint.reached).toHaveLength(1)
  })

  it('makes at most 20 attempts a second at an endpoint that fails, whoever waits', async () => {
    const pool = poolOf(1)
    const [endpoint] = pool.endpoints as [ScriptedEndpoint]
    endpoint.state = 'refuses'
    let isOver = false
    const callers = Array.from({ length: 50 }, async () => {
      while (!isOver) await refusal(pool.connect(call()), 'NOT_REACHABLE')
    })
    for (let ms = 0; ms < 1_000; ms += 5) await runtime.advance(5)
    expect(endpoint.reached.length).toBeLessThanOrEqual(20)
    expect(endpoint.reached.length).toBeGreaterThan(8)
    isOver = true
    await runtime.advance(200)
    await Promise.all(callers)
  })

  it('waits longer with each attempt that fails, up to the connection timeout', async () => {
    const pool = poolOf(1)
    const [endpoint] = pool.endpoints as [ScriptedEndpoint]
    endpoint.state = 'hangs'
    for (let attempt = 0; attempt < 5; attempt++) {
      const failing = refusal(pool.connect(call()), 'NOT_REACHABLE')
      await runtime.advance(200)
      await runtime.advance(CONNECTION_TIMEOUT)
      await failing
    }
    expect(endpoint.patience).toEqual([1_000, 2_000, 4_000, 5_000, 5_000])
    expect(endpoint.disconnects).toBe(5)
  })

  it('ends with the connection deadline of the call, or when the call is cancelled', async () => {
    const pool = poolOf(1)
    const [endpoint] = pool.endpoints as [ScriptedEndpoint]
    endpoint.state = 'hangs'
    const short = refusal(pool.connect(call(300)), 'NOT_REACHABLE')
    await runtime.advance(300)
    await short
    const cancelled = call()
    const failing = refusal(pool.connect(cancelled), 'NOT_REACHABLE')
    cancelled.cancel()
    await failing
  })

  it('is refused when the pool is closed', async () => {
    const pool = poolOf(1)
    pool.close()
    expect(pool.endpoints.every(({ closed }) => closed)).toBe(true)
    await refusal(pool.connect(call()), 'CLOSED')
  })
})

describe('an endpoint that leaves a request unanswered', () => {
  it('is probed after a second, and given up after another one', async () => {
    const [pool, endpoint, other] = await connected(2)
    endpoint.state = 'hangs'
    const request = endpoint.send()
    const stream = endpoint.send('silent')
    pool.watch()
    await runtime.advance(1_000)
    expect(endpoint.reached).toHaveLength(0)
    await runtime.advance(500)
    expect(endpoint.reached).toHaveLength(1)
    await runtime.advance(750)
    expect(endpoint.reached).toHaveLength(1)
    expect(request.error()).toBeUndefined()
    await runtime.advance(250)
    expect(request.error()).toMatchObject({ code: 'TIMEOUT', retryable: true, ambiguous: true })
    expect(stream.error()?.code).toBe('TIMEOUT')
    expect(endpoint.disconnects).toBe(1)
    // The other one was silent meanwhile, and may have died with it.
    expect(pool.preferred).toBeUndefined()
    expect(await pool.connect(call())).toBe(other)
    expect(other.reached).toHaveLength(1)
  })

  it('has its connections dropped also where there is no other', async () => {
    const [pool, endpoint] = await connected(1)
    endpoint.state = 'hangs'
    const request = endpoint.send()
    pool.watch()
    await runtime.advance(2_500)
    expect(request.error()?.code).toBe('TIMEOUT')
    expect(endpoint.disconnects).toBe(1)
    endpoint.state = 'up'
    expect(await pool.connect(call())).toBe(endpoint)
  })

  it('is left alone when it answers the probe', async () => {
    const [pool, endpoint] = await connected(2)
    const request = endpoint.send()
    pool.watch()
    await runtime.advance(10_000)
    expect(endpoint.reached.length).toBeGreaterThan(3)
    expect(request.error()).toBeUndefined()
    expect(pool.preferred).toBe(endpoint)
  })

  it('is left alone when it answers others', async () => {
    const [pool, endpoint] = await connected(2)
    const request = endpoint.send()
    endpoint.state = 'hangs'
    pool.watch()
    for (let ms = 0; ms < 10_000; ms += 100) {
      await runtime.advance(100)
      endpoint.send('read').answer()
    }
    expect(endpoint.reached.length).toBeGreaterThan(3)
    expect(request.error()).toBeUndefined()
    expect(endpoint.disconnects).toBe(0)
  })

  it('is left alone while the event loop is too busy to read an answer', async () => {
    const [pool, endpoint] = await connected(1)
    const request = endpoint.send()
    endpoint.state = 'hangs'
    pool.watch()
    await runtime.advance(1_500)
    expect(endpoint.reached).toHaveLength(1)
    runtime.block(1_500)
    await runtime.advance(1)
    expect(request.error()).toBeUndefined()
    await runtime.advance(2_000)
    expect(request.error()?.code).toBe('TIMEOUT')
  })

  it('is left for another one when its cluster does not serve', async () => {
    const [pool, endpoint, other] = await connected(2)
    endpoint.state = 'without quorum'
    const request = endpoint.send()
    const stream = endpoint.send('silent')
    pool.watch()
    await runtime.advance(1_500)
    expect(request.error()).toMatchObject({ code: 'TIMEOUT', ambiguous: true })
    expect(stream.error()).toBeUndefined()
    expect(endpoint.disconnects).toBe(0)
    expect(pool.preferred).toBe(other)
  })

  it('is kept when its cluster does not serve and there is no other', async () => {
    const [pool, endpoint] = await connected(1)
    endpoint.state = 'without quorum'
    const request = endpoint.send()
    pool.watch()
    await runtime.advance(5_000)
    expect(request.error()).toBeUndefined()
    expect(pool.preferred).toBe(endpoint)
  })

  it('is probed before the next request when a caller gave up', async () => {
    const [pool, endpoint] = await connected(1)
    const request = endpoint.send()
    await runtime.advance(1_500)
    request.cancel()
    expect(pool.preferred).toBeUndefined()
    expect(await pool.connect(call())).toBe(endpoint)
    expect(endpoint.reached).toHaveLength(1)
  })

  it('keeps its connections when it answers others, although the probe failed', async () => {
    const [pool, endpoint] = await connected(1)
    const request = endpoint.send()
    const other = endpoint.send()
    await runtime.advance(1_500)
    request.cancel()
    endpoint.state = 'hangs'
    const connecting = pool.connect(call())
    await runtime.advance(500)
    other.answer()
    await runtime.advance(500)
    expect(await connecting).toBe(endpoint)
    expect(endpoint.disconnects).toBe(0)
  })

  it('is not probed when a caller gave up early, or others were answered', async () => {
    const [pool, endpoint] = await connected(1)
    const early = endpoint.send()
    const late = endpoint.send()
    await runtime.advance(500)
    early.cancel()
    expect(pool.preferred).toBe(endpoint)
    await runtime.advance(1_000)
    endpoint.send().answer()
    late.cancel()
    expect(pool.preferred).toBe(endpoint)
  })
})

describe('requests that are silent by nature', () => {
  it('do not count as waiting', async () => {
    const [pool, endpoint] = await connected(2)
    endpoint.send('silent')
    pool.watch()
    await runtime.advance(60_000)
    expect(endpoint.reached).toHaveLength(0)
    expect(runtime.pendingTimers).toBe(0)
  })

  it('have their endpoint probed as often as the backend asks for', async () => {
    const [pool, endpoint] = await connected(2, 2_000)
    const stream = endpoint.send('silent')
    pool.watch()
    await runtime.advance(10_000)
    expect(endpoint.reached.length).toBeGreaterThanOrEqual(3)
    expect(endpoint.reached.length).toBeLessThanOrEqual(5)
    endpoint.state = 'hangs'
    await runtime.advance(4_000)
    expect(stream.error()?.code).toBe('TIMEOUT')
  })
})

describe('failing over', () => {
  it('goes to another endpoint that has just answered, without a probe', async () => {
    const [pool, endpoint, other] = await connected(3)
    endpoint.send().fail()
    expect(pool.preferred).toBe(other)
    expect(other.reached).toHaveLength(0)
  })

  it('probes the others first when they have been silent', async () => {
    const [pool, endpoint, other] = await connected(2)
    await runtime.advance(2_000)
    endpoint.state = 'refuses'
    endpoint.send().fail()
    expect(pool.preferred).toBeUndefined()
    expect(await pool.connect(call())).toBe(other)
    expect(other.reached).toHaveLength(1)
  })

  it('returns to an endpoint whose failure is over', async () => {
    const [pool, endpoint, other] = await connected(2)
    endpoint.send().fail()
    expect(endpoint.failure?.message).toBe('refused')
    other.state = 'refuses'
    other.send().fail()
    expect(await pool.connect(call())).toBe(endpoint)
    endpoint.send().answer()
    expect(endpoint.failure).toBeUndefined()
  })

  it('prefers others for a while to one whose cluster does not serve', async () => {
    const [pool, endpoint, other] = await connected(2)
    endpoint.degrade()
    expect(pool.preferred).toBe(other)
    await runtime.advance(500)
    other.degrade()
    // None serves: the one that was degraded first.
    expect(pool.preferred).toBe(endpoint)
    await runtime.advance(2_000)
    expect(pool.preferred?.isDegraded).toBe(false)
  })

  it('looks whether an endpoint that is gone is back when the others do not serve', async () => {
    const [pool, endpoint, other] = await connected(2)
    endpoint.send().fail()
    other.degrade()
    expect(pool.preferred).toBe(other)
    await turn()
    expect(endpoint.reached).toHaveLength(1)
    expect(pool.preferred).toBe(endpoint)
  })
})

it('has no timer when nothing is in flight', async () => {
  const [pool, endpoint] = await connected(2)
  const request = endpoint.send()
  pool.watch()
  request.answer()
  await runtime.advance(20_000)
  expect(runtime.pendingTimers).toBe(0)
})

describe('repeating requests at an endpoint that fails', () => {
  const noLeader = (): LibkvError =>
    new LibkvError('NOT_REACHABLE', 'no leader', { retryable: true })
  const timing = { requestTimeout: 10_000, connectionTimeout: CONNECTION_TIMEOUT }
  const repeated = (): BackgroundCall => new BackgroundCall({ runtime, ...timing }, true)

  /** Repeats that many calls at once; what has become of each of them. */
  function repeat(pool: EndpointPool<ScriptedEndpoint>, count: number): unknown[] {
    const outcomes: unknown[] = []
    for (let i = 0; i < count; i++) {
      Promise.resolve(pool.choose(repeated())).then(
        (endpoint) => outcomes.push(endpoint),
        (error: unknown) => outcomes.push(error),
      )
    }
    return outcomes
  }

  it('happens 20 times a second, whoever waits', async () => {
    const [pool, endpoint] = await connected(1)
    endpoint.refused(noLeader())
    const outcomes = repeat(pool, 100)
    await runtime.advance(990)
    expect(outcomes).toEqual(Array.from({ length: 20 }, () => endpoint))
  })

  it('does not delay what is asked for the first time', async () => {
    const [pool, endpoint] = await connected(1)
    endpoint.refused(noLeader())
    repeat(pool, 100)
    expect(pool.choose(call())).toBe(endpoint)
  })

  it('happens at once when the endpoint has carried out any request', async () => {
    const [pool, endpoint] = await connected(1)
    endpoint.refused(noLeader())
    const outcomes = repeat(pool, 100)
    await runtime.advance(90)
    expect(outcomes).toHaveLength(2)
    endpoint.served()
    await turn()
    expect(outcomes).toEqual(Array.from({ length: 100 }, () => endpoint))
    expect(pool.choose(repeated())).toBe(endpoint)
  })

  it('happens at once when a request was refused for good', async () => {
    const [pool, endpoint] = await connected(1)
    endpoint.refused(noLeader())
    endpoint.refused(new LibkvError('ACCESS_DENIED', 'no rights'))
    expect(pool.choose(repeated())).toBe(endpoint)
  })

  it('happens at an endpoint that does not fail, if there is one', async () => {
    const [pool, first, second] = await connected(2)
    first.refused(noLeader())
    expect(pool.choose(repeated())).toBe(second)
    expect(pool.preferred).toBe(second)
    second.refused(noLeader())
    const outcomes = repeat(pool, 10)
    await runtime.advance(90)
    expect(outcomes).toHaveLength(2)
  })

  it('ends with the last failure at the connection deadline', async () => {
    const [pool, endpoint] = await connected(1)
    endpoint.refused(noLeader())
    const outcomes = repeat(pool, 1_000)
    await runtime.advance(CONNECTION_TIMEOUT - 1)
    expect(outcomes).toHaveLength(100)
    await runtime.advance(1)
    expect(outcomes).toHaveLength(1_000)
    expect(outcomes.at(-1)).toMatchObject({ code: 'NOT_REACHABLE', message: 'no leader' })
  })

  it('ends with a call that is cancelled, whose turn nobody waits for', async () => {
    const [pool, endpoint] = await connected(1)
    endpoint.refused(noLeader())
    repeat(pool, 2)
    const given = repeated()
    const waiting = Promise.resolve(pool.choose(given))
    given.cancel()
    expect(await waiting).toBe(endpoint)
  })
})
