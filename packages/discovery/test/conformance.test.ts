import { afterAll, beforeAll, describe, it } from '@jest/globals'
import { discoveryConformance } from '@libkv/conformance'
import { memory, memoryFaults } from '@libkv/memory'
import { selectedBackends, startServers } from '../../../tooling/servers/index.ts'
import type { Servers } from '../../../tooling/servers/index.ts'
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

for (const backend of selectedBackends()) {
  const target = targets[backend]
  if (target === undefined) continue
  describe(`on ${backend}`, () => {
    let servers: Servers
    beforeAll(async () => {
      servers = await startServers(backend)
    }, 60_000)
    afterAll(async () => {
      await servers[Symbol.asyncDispose]()
    })
    discoveryConformance(
      { describe, it },
      {
        name: backend,
        capabilities: target.capabilities,
        open: (options) => target.open(servers, options),
        openUnreachable: (options) => target.open({ endpoints: ['127.0.0.1:1'] }, options),
      },
      { Discovery },
    )
  })
}
