import { describe, it } from 'vitest'
import { memory } from '@libkv/memory'
import { atomicCases, namespaced, transactionCases } from '@libkv/conformance'
import type { ConformanceTarget } from '@libkv/conformance'

const target: ConformanceTarget = {
  name: 'memory',
  capabilities: { ...memory().capabilities, transactions: false },
  open: (options) => memory(['with-vitest'], options),
}

atomicCases({ describe, it }, target)
transactionCases({ describe, it }, namespaced(target))
