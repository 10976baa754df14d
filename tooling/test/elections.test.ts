import { describe, expect, it } from '@jest/globals'
import { backendCases } from '../elections/backends.ts'
import { report } from '../elections/report.ts'
import { run } from '../elections/run.ts'
import { selectedBackends } from '../servers/index.ts'

// `npm run elections` is the long form, and checks how long nobody leads.
const HAND_OVERS = 40
const TTL = 3_000

describe('processes that elect a leader', () => {
  const backends = selectedBackends().filter((backend) => backendCases[backend] !== undefined)

  it.each(backends)(
    'on a cluster of %s never have two, whatever befalls them',
    async (backend) => {
      const seed = Date.now() % 1_000_000
      const options = { backend, handOvers: HAND_OVERS, ttl: TTL, seed, control: 2 }
      const result = await run(options)
      console.log(report(options, result))
      expect(result.violations).toEqual([])
    },
    400_000,
  )
})
