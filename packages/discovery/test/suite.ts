import { describe } from '@jest/globals'
import { discoveryConformance } from '@libkv/conformance'
import { memory, memoryFaults } from '@libkv/memory'
import { runningServers } from '@libkv/testing/backend-cases/running-servers'
import { runnerOf } from '@libkv/testing/backend-cases/suite-parts'
import type { SuitePart } from '@libkv/testing/backend-cases/suite-parts'
import { Discovery } from '../src/index.ts'
import { targets } from './targets.ts'

/** Runs that part of the suite on the embedded store and on those backends, or on the backends alone. */
export function discoverySuite(
  part: SuitePart,
  backends: (backend: string) => boolean,
  onMemory = true,
): void {
  memoryFaults('unreachable').disconnect()
  if (onMemory) {
    discoveryConformance(
      runnerOf(part),
      {
        name: 'memory',
        capabilities: memory().capabilities,
        open: (options) => memory(['conformance'], options),
        openUnreachable: (options) => memory(['unreachable'], options),
      },
      { Discovery },
    )
  }
  for (const { backend, capabilities, openAt } of targets) {
    if (!backends(backend)) continue
    describe(`on ${backend}`, () => {
      const servers = runningServers(backend)
      discoveryConformance(
        runnerOf(part),
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
}
