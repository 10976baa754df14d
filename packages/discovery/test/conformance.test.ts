import { describe, it } from '@jest/globals'
import { discoveryConformance } from '@libkv/conformance'
import { memory, memoryFaults } from '@libkv/memory'
import { runningServers } from '../../../tooling/backend-cases/running-servers.ts'
import { Discovery } from '../src/index.ts'
import { targets } from './targets.ts'

memoryFaults('unreachable').disconnect()

discoveryConformance(
  { describe, it },
  {
    name: 'memory',
    capabilities: memory().capabilities,
    open: (options) => memory(['conformance'], options),
    openUnreachable: (options) => memory(['unreachable'], options),
  },
  { Discovery },
)

for (const { backend, capabilities, openAt } of targets) {
  describe(`on ${backend}`, () => {
    const servers = runningServers(backend)
    discoveryConformance(
      { describe, it },
      {
        name: backend,
        capabilities,
        open: (options) => openAt(servers().endpoints, options),
        openUnreachable: (options) => openAt(['127.0.0.1:1'], options),
      },
      { Discovery },
    )
  })
}
