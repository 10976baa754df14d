import { describe, expect, it } from '@jest/globals'
import { selectedBackends } from '@libkv/testing/servers'
import { backends } from '../elections/backends.ts'
import { gapsInEvidence, violationsOf } from '../elections/check-history.ts'
import { reportOf } from '../elections/report.ts'
import { runElection } from '../elections/run-election.ts'

const TTL = 2_000
const HAND_OVERS = 30
const faults = {
  resigns: 10,
  SIGTERM: 4,
  SIGKILL: 3,
  SIGSTOP: 2,
  'SIGSTOP before a write': 2,
  'cut off': 2,
  'session destroyed': 4,
  "store's leader killed": 1,
  "store's leader frozen": 1,
}

for (const backend of selectedBackends()) {
  const target = backends[backend]
  if (target === undefined) continue
  describe(`an election between processes on ${backend}`, () => {
    it('never has two leaders, and always one again, whatever happens to them and to the store', async () => {
      const seed = Date.now() % 1e6
      const history = await runElection({ backend, ttl: TTL, seed, handOvers: HAND_OVERS, faults })
      const failures = [
        ...violationsOf(history, target.withdrawals),
        ...gapsInEvidence(history, { handOvers: HAND_OVERS, each: faults }),
      ]
      if (failures.length > 0) console.log(reportOf(`${backend}, seed ${seed}`, TTL, history))
      expect(failures).toEqual([])
    }, 600_000)
  })
}
