import { afterEach, describe, expect, it } from '@jest/globals'
import { isLibkvError, LibkvError } from '@libkv/core'
import { openStore } from '@libkv/core/driver'
import type { Entry, Observer } from '@libkv/core/driver'
import { waitFor } from '@libkv/testing'
import { LockBench } from '../../core/test/lock-bench.ts'
import { ScriptedDriver } from '../../core/test/scripted-driver.ts'
import { Candidate, Follower } from '../src/index.ts'
import type { Leader } from '../src/index.ts'

/** What a follower has been shown. */
class Seen {
  readonly leaders: (Leader | null)[] = []
  error: unknown
  isOver = false

  constructor(follower: Follower) {
    void this.#follow(follower)
  }

  get ids(): (string | undefined)[] {
    return this.leaders.map((leader) => leader?.id)
  }

  async #follow(follower: Follower): Promise<void> {
    try {
      for await (const leader of follower.watch()) this.leaders.push(leader)
    } catch (error) {
      this.error = error
    }
    this.isOver = true
  }
}

const entryOf = (id: string, revision: bigint, createRevision: bigint): Entry => ({
  key: 'leader',
  value: new TextEncoder().encode(`{"id":"${id}"}\n`),
  revision,
  createRevision,
})

describe('a follower', () => {
  const benches: LockBench[] = []
  afterEach(async () => {
    for (const bench of benches.splice(0)) await bench[Symbol.asyncDispose]()
  })
  const openBench = (): LockBench => {
    const bench = new LockBench()
    benches.push(bench)
    return bench
  }

  it('goes on through outages, and shows what has changed meanwhile', async () => {
    const bench = openBench()
    const seen = new Seen(new Follower(bench.open(), 'leader'))
    await waitFor(() => seen.leaders.length === 1, { what: 'the vacancy' })
    const candidate = new Candidate(bench.open(), 'leader', { id: 'a', ttl: 200 })
    await candidate.campaign()
    await waitFor(() => seen.ids.at(-1) === 'a', { what: 'the leader' })
    bench.faults.disconnect()
    await waitFor(() => bench.faults.sessions === 0, { what: 'the leader to lose its session' })
    expect(seen.ids).toEqual([undefined, 'a'])
    bench.faults.reconnect()
    await waitFor(() => seen.ids.length === 3, { what: 'the vacancy' })
    await candidate.campaign()
    await waitFor(() => seen.ids.length === 4, { what: 'the leader' })
    expect(seen.ids).toEqual([undefined, 'a', undefined, 'a'])
    expect(seen.isOver).toBe(false)
  })

  it('shows no older leader after a newer one, whatever it is told', async () => {
    const driver = new ScriptedDriver()
    const follower = new Follower(openStore(driver), 'leader')
    const seen = new Seen(follower)
    await waitFor(() => driver.feeds.length === 1, { what: 'the watch' })
    const observer = driver.feeds[0]?.observer as Observer
    const tell = async (entry: Entry | undefined): Promise<void> => {
      observer.snapshot(entry === undefined ? [] : [entry], 9n)
      await new Promise((resolve) => setImmediate(resolve))
    }
    await tell(entryOf('b', 5n, 5n))
    await tell(entryOf('a', 3n, 3n))
    await tell(undefined)
    await tell(entryOf('a', 3n, 3n))
    await tell(entryOf('b', 6n, 5n))
    await tell(entryOf('c', 8n, 8n))
    await tell(entryOf('b', 6n, 5n))
    expect(seen.ids).toEqual(['b', undefined, 'b', 'c'])
  })

  it('shows none by one way that another way has shown to be past', async () => {
    const driver = new ScriptedDriver().script('read', () => entryOf('b', 5n, 5n))
    const follower = new Follower(openStore(driver), 'leader')
    const seen = new Seen(follower)
    await waitFor(() => driver.feeds.length === 1, { what: 'the watch' })
    expect((await follower.leader())?.id).toBe('b')
    driver.feeds[0]?.observer.snapshot([entryOf('a', 3n, 3n)], 3n)
    driver.feeds[0]?.observer.snapshot([entryOf('b', 5n, 5n)], 5n)
    await waitFor(() => seen.leaders.length === 1, { what: 'the leader' })
    expect(seen.ids).toEqual(['b'])
  })

  it('throws what cannot heal, and is over then', async () => {
    const driver = new ScriptedDriver()
    const seen = new Seen(new Follower(openStore(driver), 'leader'))
    await waitFor(() => driver.feeds.length === 1, { what: 'the watch' })
    driver.feeds[0]?.observer.fail(new LibkvError('ACCESS_DENIED', 'no'))
    await waitFor(() => seen.isOver, { what: 'the end of the watch' })
    expect(isLibkvError(seen.error, 'ACCESS_DENIED')).toBe(true)
  })
})
