import { memory, memoryFaults } from '@libkv/memory'
import { runnerOf } from '@libkv/testing/backend-cases/suite-parts'
import type { SuitePart } from '@libkv/testing/backend-cases/suite-parts'
import { conformance } from '../src/index.ts'

/** Runs that part of the suite on the embedded store. */
export function memorySuite(part: SuitePart): void {
  memoryFaults('unreachable').disconnect()
  conformance(runnerOf(part), {
    name: 'memory',
    capabilities: memory().capabilities,
    open: (options) => memory(['conformance'], options),
    openUnreachable: (options) => memory(['unreachable'], options),
  })
}
