import { beforeEach, describe, expect, it } from '@jest/globals'
import { Feed, SharedFeeds } from '../src/driver.ts'
import type { BackgroundCall, Change, Entry, Observation, Observer } from '../src/driver.ts'
import { LibkvError } from '../src/index.ts'
import { ManualRuntime, turn } from './manual-runtime.ts'

const lost = new LibkvError('NOT_REACHABLE', 'lost', { retryable: true })
const denied = new LibkvError('ACCESS_DENIED', 'denied')

class ScriptedFeed extends Feed {
  reads = 0
  released = 0
  call: BackgroundCall | undefined
  step: () => Promise<void> = () => Promise.resolve()
  /** What each restart was given. */
  readonly restarts: (Entry | undefined)[] = []

  protected override restart(known: Entry | undefined): void {
    this.restarts.push(known)
  }

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

  get report(): Observer {
    return this.observer
  }
}

const timing = { requestTimeout: 10_000, connectionTimeout: 1_000 }

describe('a feed', () => {
  let runtime: ManualRuntime
  let feed: ScriptedFeed
  let failure: unknown
  beforeEach(async () => {
    runtime = new ManualRuntime()
    failure = undefined
    const observer: Observer = {
      snapshot: () => undefined,
      changes: () => undefined,
      fail: (error) => (failure = error),
    }
    feed = new ScriptedFeed({ runtime, ...timing })
    feed.attach(observer)
    await turn()
    expect(feed.reads).toBe(1)
    feed.reads = 0
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

/** Records what it receives, one word a report. */
class Recorder implements Observer {
  readonly received: string[] = []
  onReport: () => void = () => undefined

  snapshot(entries: readonly Entry[], revision: bigint): void {
    this.#report(`snapshot ${entries.map(({ key }) => key).join()}@${String(revision)}`)
  }

  changes(changes: readonly Change[], revision: bigint): void {
    this.#report(`${String(changes.length)} changed@${String(revision)}`)
  }

  stirred(): void {
    this.#report('stirred')
  }

  fail(error: Error): void {
    this.#report(`failed: ${error.message}`)
  }

  #report(word: string): void {
    this.received.push(word)
    this.onReport()
  }
}

describe('a feed that observers share', () => {
  const entry = (revision: bigint, key = 'k'): Entry => ({
    key,
    value: new Uint8Array(),
    revision,
    createRevision: 1n,
  })
  let runtime: ManualRuntime
  let opened: ScriptedFeed[]
  let feeds: SharedFeeds
  /** The state of the server, which each read reports. */
  let state: Entry

  beforeEach(() => {
    runtime = new ManualRuntime()
    opened = []
    state = entry(1n)
    feeds = new SharedFeeds(() => {
      const feed = new ScriptedFeed({ runtime, ...timing })
      feed.step = async () => {
        const read = state
        await turn()
        feed.report.snapshot([read], read.revision)
      }
      opened.push(feed)
      return feed
    })
  })

  const observe = (known?: Entry): [Recorder, Observation] => {
    const recorder = new Recorder()
    return [recorder, feeds.observe({ key: 'k', known }, recorder)]
  }
  const feed = (): ScriptedFeed => opened.at(-1) as ScriptedFeed
  const settled = async (): Promise<void> => {
    for (let i = 0; i < 10; i++) await turn()
  }

  it('is one for each key and each prefix', async () => {
    const recorder = new Recorder()
    for (let i = 0; i < 3; i++) {
      feeds.observe({ key: 'a/' }, recorder)
      feeds.observe({ prefix: 'a/' }, recorder)
      feeds.observe({ prefix: 'b/' }, recorder)
    }
    await settled()
    expect(opened).toHaveLength(3)
  })

  it('reads once for all that come at once', async () => {
    const recorders = Array.from({ length: 5 }, () => observe()[0])
    expect(recorders.flatMap(({ received }) => received)).toEqual([])
    await settled()
    expect(feed().reads).toBe(1)
    for (const { received } of recorders) expect(received).toEqual(['snapshot k@1'])
  })

  it('reads again for who comes during a read, and reports nothing older to them', async () => {
    const [first] = observe()
    await turn()
    expect(feed().reads).toBe(1)
    state = entry(2n)
    const [late] = observe()
    feed().report.changes([{ type: 'put', entry: state }], 2n)
    await settled()
    expect(feed().reads).toBe(2)
    expect(late.received).toEqual(['snapshot k@2'])
    expect(first.received.at(-1)).toBe('snapshot k@2')
  })

  it('reports changes to those that have a snapshot, and that something stirred to all', async () => {
    const [first] = observe()
    await settled()
    const [late] = observe()
    feed().report.changes([{ type: 'delete', key: 'k', revision: 2n }], 2n)
    feed().report.stirred?.()
    expect(first.received.slice(1)).toEqual(['1 changed@2', 'stirred'])
    expect(late.received).toEqual(['stirred'])
  })

  it('informs at once who assumes what was reported last', async () => {
    const [first] = observe()
    await settled()
    const [late] = observe(entry(1n))
    expect(late.received).toEqual([])
    await settled()
    expect(late.received).toEqual(['snapshot k@1'])
    expect(feed().reads).toBe(1)
    feed().report.changes([{ type: 'put', entry: entry(2n) }], 2n)
    expect(late.received.at(-1)).toBe(first.received.at(-1))
    observe(entry(1n))
    await settled()
    expect(feed().reads).toBe(2)
  })

  it('passes on an assumed state only if all that wait for the read assume it', async () => {
    observe(entry(7n))
    observe(entry(7n))
    await settled()
    observe(entry(8n))
    observe()
    await settled()
    expect(feed().restarts.map((known) => known?.revision)).toEqual([7n, undefined])
  })

  it('reads for those that came before a failure as well', async () => {
    const step = (): Promise<void> => Promise.reject(lost)
    const [first] = observe()
    const good = feed().step
    feed().step = step
    await settled()
    const [late] = observe()
    feed().step = good
    await runtime.advance(1_000)
    await settled()
    expect(first.received).toEqual(['snapshot k@1'])
    expect(late.received).toEqual(['snapshot k@1'])
  })

  it('ends when the last one has gone, and another one begins with the next', async () => {
    const [first, observation] = observe()
    const [second, other] = observe()
    await settled()
    observation.close()
    observation.close()
    expect(feed().isClosed).toBe(false)
    feed().report.changes([{ type: 'put', entry: entry(2n) }], 2n)
    expect(first.received).toEqual(['snapshot k@1'])
    expect(second.received).toHaveLength(2)
    other.close()
    expect(feed().released).toBe(1)
    observe()
    await settled()
    expect(opened).toHaveLength(2)
    expect(feed().reads).toBe(1)
  })

  it('lets who goes because of a report keep the others from nothing', async () => {
    const [first, observation] = observe()
    const [second, other] = observe()
    const [third] = observe()
    first.onReport = () => {
      observation.close()
      other.close()
    }
    await settled()
    expect(second.received).toEqual([])
    expect(third.received).toEqual(['snapshot k@1'])
  })

  it('fails for all, and not for who comes then', async () => {
    const [first] = observe()
    const [second] = observe()
    let next: Recorder | undefined
    first.onReport = () => {
      next ??= observe()[0]
    }
    feed().step = () => Promise.reject(denied)
    await settled()
    expect(first.received).toEqual(['failed: denied'])
    expect(second.received).toEqual(['failed: denied'])
    expect(next?.received).toEqual(['snapshot k@1'])
    expect(opened).toHaveLength(2)
  })
})
