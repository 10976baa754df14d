import { describe, expect, it } from '@jest/globals'
import { waitFor } from '@libkv/testing'
import { Candidate, Follower } from '../src/index.ts'
import { countedRequests, handOverCase, isQuiet } from './hand-over-requests.ts'
import { targets } from './targets.ts'

for (const underTest of targets) {
  const { backend } = underTest
  describe(`on ${backend}`, () => {
    handOverCase(underTest, 10)

    const counted = countedRequests(underTest)

    it('takes one to resign', async () => {
      const { requests, open } = await counted()
      const candidate = new Candidate(open(), 'leader', { ttl: 60_000 })
      await candidate.campaign()
      await isQuiet(requests)
      const before = requests()
      await candidate.resign()
      expect(requests() - before).toBe(1)
    })

    const transfer = backend === 'zookeeper' ? 7 : 4
    it(`takes ${String(transfer)} to transfer the leadership`, async () => {
      const { requests, open, direct } = await counted()
      const candidate = new Candidate(open(), 'leader', { ttl: 60_000 })
      await candidate.campaign()
      const others = ['b', 'c', 'd'].map((id) => new Candidate(direct, 'leader', { id }))
      for (const other of others) other.campaign().catch(() => undefined)
      const follower = new Follower(direct, 'leader')
      await waitFor(async () => (await follower.candidates()).length === 4, {
        what: 'all are in line',
      })
      const last = (await follower.candidates()).at(-1)?.id ?? ''
      await isQuiet(requests)
      const before = requests()
      await candidate.transferTo(last)
      await waitFor(async () => (await follower.leader())?.id === last, { what: 'the other leads' })
      // The line, twice; the transaction; the end of the session.
      expect(requests() - before).toBe(transfer)
    })
  })
}
