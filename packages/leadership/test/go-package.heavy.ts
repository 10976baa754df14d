import { afterEach, describe, expect, it } from '@jest/globals'
import type { Store } from '@libkv/core'
import { memory } from '@libkv/memory'
import { waitFor } from '@libkv/testing'
import { runningServers } from '@libkv/testing/backend-cases/running-servers'
import { Candidate, Follower } from '../src/index.ts'
import type { Leader } from '../src/index.ts'
import { targets } from './targets.ts'

/** What is wrong with Docker's Go package `leadership`, as measured on live servers, and is not so here. */
function defects(open: () => Store): void {
  const stores: Store[] = []
  afterEach(async () => {
    await Promise.all(stores.splice(0).map((store) => store.close()))
  })
  let count = 0
  let key = ''
  const candidate = (id: string): Candidate => {
    const store = open()
    stores.push(store)
    return new Candidate(store, key, { id })
  }
  const follower = (): Follower => {
    const store = open()
    stores.push(store)
    return new Follower(store, key)
  }
  const defect = (name: string, body: () => Promise<void>): void => {
    it(name, async () => {
      key = `docker/swarm/leader-${String(++count)}`
      await body()
    })
  }

  defect('to resign does not panic, nor to resign again', async () => {
    const a = candidate('a')
    await a.campaign()
    await Promise.all([a.resign(), a.resign()])
    await a.campaign()
    await a.resign()
  })

  defect('who has stopped does not believe to lead', async () => {
    const a = candidate('a')
    await a.campaign()
    const stopping = a.stop()
    expect(a.isLeader()).toBe(false)
    await stopping
    expect(await follower().leader()).toBeNull()
  })

  defect('to stop a candidate that waits ends, and leaks nothing', async () => {
    const [a, b] = [candidate('a'), candidate('b')]
    await a.campaign()
    const waiting = b.run(() => undefined)
    await waitFor(async () => (await follower().candidates()).length === 2, { what: 'b waits' })
    await b.stop()
    await waiting
    await waitFor(async () => (await follower().candidates()).length === 1, { what: 'b is gone' })
  })

  defect('to stop twice does not panic, and isLeader() may be asked at any time', async () => {
    const a = candidate('a')
    expect(a.isLeader()).toBe(false)
    await Promise.all([a.stop(), a.stop()])
    expect(a.isLeader()).toBe(false)
  })

  defect(
    'a follower that comes before the first leader sees it, and sees the vacancies',
    async () => {
      const seen: (Leader | null)[] = []
      const controller = new AbortController()
      const following = (async () => {
        for await (const leader of follower().watch({ signal: controller.signal }))
          seen.push(leader)
      })().catch(() => undefined)
      const sees = (id: string | undefined): Promise<unknown> =>
        waitFor(() => seen.length > 0 && seen.at(-1)?.id === id, { what: String(id) })
      await sees(undefined)
      const a = candidate('a')
      await a.campaign()
      await sees('a')
      await a.stop()
      await sees(undefined)
      expect(await follower().leader()).toBeNull()
      controller.abort()
      await following
    },
  )

  defect('who has lost the leadership is told, so that there are no two leaders', async () => {
    const [a, b] = [candidate('a'), candidate('b')]
    const term = await a.campaign()
    const next = b.campaign()
    await waitFor(async () => (await follower().candidates()).length === 2, { what: 'b waits' })
    const operator = open()
    stores.push(operator)
    await operator.delete(key)
    await next
    await waitFor(() => term.signal.aborted, { what: 'a is told' })
    expect([a.isLeader(), b.isLeader()]).toEqual([false, true])
  })

  defect('who has resigned lets the others go first', async () => {
    const [a, b] = [candidate('a'), candidate('b')]
    await a.campaign()
    const next = b.campaign()
    await waitFor(async () => (await follower().candidates()).length === 2, { what: 'b waits' })
    await a.resign()
    const again = a.campaign()
    await next
    expect(a.isLeader()).toBe(false)
    await b.resign()
    await again
  })
}

describe('unlike the Go package, on memory:', () => {
  defects(() => memory(['go-package']))
})

for (const { backend, openAt } of targets) {
  describe(`unlike the Go package, on ${backend}:`, () => {
    const servers = runningServers(backend)
    defects(() => openAt(servers().endpoints))
  })
}
