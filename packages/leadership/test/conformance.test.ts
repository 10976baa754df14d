import { describe, it } from '@jest/globals'
import { leadershipConformance } from '@libkv/conformance'
import { memory, memoryFaults } from '@libkv/memory'
import { runningServers } from '../../../tooling/backend-cases/running-servers.ts'
import { Candidate, Follower } from '../src/index.ts'
import { targets } from './targets.ts'

memoryFaults('unreachable').disconnect()

leadershipConformance(
  { describe, it },
  {
    name: 'memory',
    capabilities: memory().capabilities,
    open: (options) => memory(['leadership'], options),
    openUnreachable: (options) => memory(['unreachable'], options),
  },
  { Candidate, Follower },
)

for (const { backend, capabilities, openAt } of targets) {
  describe(`on ${backend}`, () => {
    const servers = runningServers(backend)
    leadershipConformance(
      { describe, it },
      {
        name: backend,
        capabilities,
        open: (options) => openAt(servers().endpoints, options),
        openUnreachable: (options) => openAt(['127.0.0.1:1'], options),
      },
      { Candidate, Follower },
    )
  })
}
