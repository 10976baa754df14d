import { describe, it } from '@jest/globals'
import { conformance } from '../src/index.ts'
import { memory, memoryFaults } from '@libkv/memory'

memoryFaults('unreachable').disconnect()

conformance(
  { describe, it },
  {
    name: 'memory',
    capabilities: memory().capabilities,
    open: (options) => memory(['conformance'], options),
    openUnreachable: (options) => memory(['unreachable'], options),
  },
)
