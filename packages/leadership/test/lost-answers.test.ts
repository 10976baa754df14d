import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import type { CallMessage } from '@libkv/core'
import { waitFor, within } from '@libkv/testing'
import { runningServers } from '@libkv/testing/backend-cases/running-servers'
import { FaultProxy } from '@libkv/testing/servers'
import { Candidate, Follower } from '../src/index.ts'
import { targets } from './targets.ts'

const STARTED = 'tracing:libkv:call:start'
/** Opening a session, getting in line, looking at it, taking the lead, giving it back; and one that is never made. */
const CALLS = 6

for (const { backend, openAt } of targets) {
  describe(`a candidate on ${backend} whose answers are lost`, () => {
    afterAll(async () => {
      await proxy[Symbol.asyncDispose]()
    })
    const servers = runningServers(backend)
    let proxy: FaultProxy

    beforeAll(async () => {
      proxy = await FaultProxy.to(servers().endpoints[0] ?? '')
    })

    for (let nth = 1; nth <= CALLS; nth++) {
      it(`at call ${String(nth)} leaves neither a ghost nor a second leader`, async () => {
        const key = `leader-${String(nth)}`
        const options = { namespace: `app-${String(nth)}` }
        const store = openAt([proxy.endpoint], options)
        await store.ready()
        const port = proxy.endpoint.split(':').at(-1) ?? ''
        const connections = proxy.stats.accepted
        let calls = 0
        let healing: NodeJS.Timeout | undefined
        const onCall = (message: unknown): void => {
          const { endpoint, operation } = message as CallMessage
          if (!endpoint.includes(port) || operation === 'renew session') return
          if (++calls !== nth) return
          proxy.loseAnswers()
          healing = setTimeout(() => {
            proxy.pass()
          }, 200)
        }
        subscribe(STARTED, onCall)
        try {
          const candidate = new Candidate(store, key, { id: 'a', ttl: 60_000 })
          const term = await candidate.campaign()
          const other = openAt(servers().endpoints, options)
          const rival = new Candidate(other, key, { id: 'b', ttl: 60_000 })
          const follower = new Follower(other, key)
          expect(await follower.leader()).toMatchObject({ id: 'a', token: term.token })
          expect((await follower.candidates()).map(({ id }) => id)).toEqual(['a'])
          const elected = rival.campaign()
          await waitFor(async () => (await follower.candidates()).length === 2, { what: 'a rival' })
          expect(rival.isLeader()).toBe(false)
          await candidate.stop()
          // Before the session of a ghost would have ended.
          const next = await within('the election', elected)
          expect(next.token).toBeGreaterThan(term.token)
          expect((await follower.candidates()).map(({ id }) => id)).toEqual(['b'])
          await rival.stop()
          expect(await follower.candidates()).toEqual([])
          expect(await follower.leader()).toBeNull()
          await other.close()
        } finally {
          unsubscribe(STARTED, onCall)
          clearTimeout(healing)
          proxy.pass()
          await store.close()
        }
        if (nth === CALLS) expect(calls).toBe(CALLS - 1)
        else expect(proxy.stats.accepted).toBeGreaterThan(connections)
      })
    }
  })
}
