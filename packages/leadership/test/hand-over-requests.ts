import { afterEach, expect, it } from '@jest/globals'
import type { Store } from '@libkv/core'
import { lockQueueDirectory } from '@libkv/core/driver'
import { WAIT_TIMEOUT, waitFor } from '@libkv/testing'
import type { BackendUnderTest } from '@libkv/testing/backend-cases/backend-under-test'
import { startServers } from '@libkv/testing/servers'
import { Candidate, Follower } from '../src/index.ts'

/** How many stores the candidates share. One on Consul, where each store that has more than four of them asks about the queue as a whole. */
const storesOn = (backend: string): number => (backend === 'consul' ? 1 : 20)
const HAND_OVERS = 50

/** What goes on while nothing happens: sessions are renewed, and blocking queries are asked anew. */
const isStanding = (request: string): boolean =>
  /LeaseKeepAlive|session\/renew/.test(request) ||
  (request.includes(`/${lockQueueDirectory('leader')}/`) && /^GET .*\/[0-9a-f-]{36}$/.test(request))

/** A server whose requests are counted, and stores on it; those of `direct` are not. */
export interface CountedRequests {
  readonly requests: () => number
  readonly open: () => Store
  readonly direct: Store
}

/** Opens such a server for each test of the enclosing `describe`, and closes it after the test. */
export function countedRequests({
  backend,
  openAt,
  countTo,
}: BackendUnderTest): () => Promise<CountedRequests> {
  const opened: AsyncDisposable[] = []
  afterEach(async () => {
    for (const resource of opened.splice(0).reverse()) await resource[Symbol.asyncDispose]()
  })

  function keep<T extends AsyncDisposable>(resource: T): T {
    opened.push(resource)
    return resource
  }

  return async () => {
    const servers = keep(await startServers(backend))
    const counter = keep(await countTo(servers.endpoints[0] ?? ''))
    // All candidates at once may be a lot for a busy machine, and none of them tries again.
    const patient = { requestTimeout: 8 * WAIT_TIMEOUT, connectionTimeout: 8 * WAIT_TIMEOUT }
    const open = (addresses: readonly string[]): Store => keep(openAt(addresses, patient))
    return {
      requests: () => {
        if (backend === 'zookeeper') return counter.total
        const counts = [...counter.counts].filter(([what]) => !what.endsWith('#message'))
        return counts.reduce((sum, [what, n]) => sum + (isStanding(what) ? 0 : n), 0)
      },
      open: () => open([counter.endpoint]),
      direct: open(servers.endpoints),
    }
  }
}

/** Waits until nothing more is asked for. */
export async function isQuiet(requests: () => number): Promise<void> {
  let last = -1
  let same = 0
  const hasSettled = (): boolean => {
    same = requests() === last ? same + 1 : 0
    last = requests()
    return same === 3
  }
  await waitFor(hasSettled, { what: 'quiet' })
}

/** What a hand-over takes with a queue of that length. */
export function handOverCase(underTest: BackendUnderTest, queue: number): void {
  const { backend } = underTest
  const counted = countedRequests(underTest)

  // What goes out to ZooKeeper together counts as one.
  const most = 5
  const handOvers = Math.min(HAND_OVERS, queue)
  const unit = backend === 'zookeeper' ? 'round trips' : 'requests'
  it(`takes at most five ${unit} per hand-over with ${String(queue)} in line`, async () => {
    const { requests, open, direct } = await counted()
    const stores = Array.from({ length: storesOn(backend) }, open)
    const led: Candidate[] = []
    for (let i = 0; i <= queue; i++) {
      const store = stores[i % stores.length] as Store
      const candidate = new Candidate(store, 'leader', { id: String(i), ttl: 600_000 })
      candidate.on('elected', () => led.push(candidate))
      candidate.campaign().catch(() => undefined)
    }
    const follower = new Follower(direct, 'leader')
    await waitFor(async () => (await follower.candidates()).length === queue + 1, {
      what: 'all are in line',
      timeout: 8 * WAIT_TIMEOUT,
    })
    await waitFor(() => led.length === 1, { what: 'the first one leads' })
    const order = (await follower.candidates()).map(({ id }) => id)
    await isQuiet(requests)
    const counts: number[] = []
    for (let i = 1; i <= handOvers; i++) {
      const before = requests()
      await led.at(-1)?.stop()
      await waitFor(() => led.length === i + 1, { what: 'the next one leads' })
      await isQuiet(requests)
      counts.push(requests() - before)
    }
    expect(led.map(({ id }) => id)).toEqual(order.slice(0, handOvers + 1))
    // On a busy machine what belongs together may go out apart, and a standing query may come in between.
    const median = counts.sort((a, b) => a - b)[Math.floor(handOvers / 2)]
    expect(median).toBeLessThanOrEqual(most)
  }, 600_000)
}
