import { beforeEach, describe, expect, it } from '@jest/globals'
import { Feed } from '../src/driver.ts'
import type { BackgroundCall, Observer } from '../src/driver.ts'
import { LibkvError } from '../src/index.ts'
import { ManualRuntime, turn } from './manual-runtime.ts'

const lost = new LibkvError('NOT_REACHABLE', 'lost', { retryable: true })
const denied = new LibkvError('ACCESS_DENIED', 'denied')

class ScriptedFeed extends Feed {
  reads = 0
  released = 0
  call: BackgroundCall | undefined
  step: () => Promise<void> = () => Promise.resolve()

  protected override async read(call: BackgroundCall): Promise<void> {
    this.reads++
    this.call = call
    await this.step()
  }

  protected override release(): void {
    this.released++
  }

  change(): void {
    this.due()
  }

  answered(): void {
    this.succeeded()
  }

  broke(error: unknown): void {
    this.failed(error)
  }
}

describe('a feed', () => {
  let runtime: ManualRuntime
  let feed: ScriptedFeed
  let failure: unknown
  beforeEach(() => {
    runtime = new ManualRuntime()
    failure = undefined
    const observer: Observer = {
      snapshot: () => undefined,
      changes: () => undefined,
      fail: (error) => (failure = error),
    }
    feed = new ScriptedFeed({ runtime, requestTimeout: 10_000, connectionTimeout: 1_000 }, observer)
  })

  it('reads once for any number of changes during a read', async () => {
    let finish: () => void = () => undefined
    feed.step = () => new Promise((resolve) => (finish = resolve))
    feed.change()
    feed.change()
    feed.change()
    expect(feed.reads).toBe(1)
    feed.step = () => Promise.resolve()
    finish()
    await turn()
    expect(feed.reads).toBe(2)
  })

  it('reads again after a failure that heals, with waits that double up to a second', async () => {
    feed.step = () => Promise.reject(lost)
    feed.change()
    await turn()
    expect(feed.call?.isRepeated).toBe(false)
    const times: number[] = []
    for (let reads = feed.reads; reads < 12; reads = feed.reads) {
      const start = runtime.now()
      while (feed.reads === reads) await runtime.advance(1)
      times.push(runtime.now() - start)
    }
    expect(times.slice(0, 4)).toEqual([15, 30, 60, 120])
    expect(Math.max(...times)).toBe(750)
    expect(feed.call?.isRepeated).toBe(true)
    expect(failure).toBeUndefined()
  })

  it('begins with short waits again once it has succeeded', async () => {
    feed.step = () => Promise.reject(lost)
    feed.change()
    await runtime.advance(1_000)
    feed.answered()
    const { reads } = feed
    feed.broke(lost)
    await runtime.advance(15)
    expect(feed.reads).toBe(reads + 1)
  })

  it('does not read before its time when something changes during a wait', async () => {
    feed.step = () => Promise.reject(lost)
    feed.change()
    await turn()
    feed.change()
    await turn()
    expect(feed.reads).toBe(1)
  })

  it('ends with a failure that does not heal', async () => {
    feed.step = () => Promise.reject(denied)
    feed.change()
    await turn()
    expect(failure).toBe(denied)
    expect(feed.isClosed).toBe(true)
    expect(feed.released).toBe(1)
    expect(runtime.pendingTimers).toBe(0)
  })

  it('goes on after an error of the server itself', async () => {
    feed.step = () => Promise.reject(new LibkvError('BACKEND_ERROR', 'internal'))
    feed.change()
    await runtime.advance(100)
    expect(feed.reads).toBeGreaterThan(1)
    expect(failure).toBeUndefined()
  })

  it('reports nothing and leaves nothing pending once it is closed', async () => {
    let fail: (error: unknown) => void = () => undefined
    feed.step = () => new Promise((_resolve, reject) => (fail = reject))
    feed.change()
    feed.close()
    feed.close()
    expect(feed.call?.settled).toBe(true)
    expect(feed.released).toBe(1)
    fail(denied)
    await runtime.advance(5_000)
    expect(failure).toBeUndefined()
    expect(feed.reads).toBe(1)
    expect(runtime.pendingTimers).toBe(0)
  })
})
