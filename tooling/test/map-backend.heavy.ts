import { describe, expect, it } from '@jest/globals'
import { readFileSync } from 'node:fs'
import {
  atomicCases,
  lockCases,
  lockSuccessorCases,
  lockTokenCases,
  lockWaitingCases,
  raceCases,
  readCases,
  returnedValueCases,
  revisionCases,
  rootCases,
  sessionCases,
  sessionKeyCases,
  transactionCases,
  treeCases,
  ttlCases,
  updateCases,
  valueCases,
  watchCases,
  watchEndCases,
  watchTreeCases,
  withLockCases,
  writeCases,
} from '@libkv/conformance'
import type { ConformanceTarget } from '@libkv/conformance'
import { map } from './map-backend.ts'

const target: ConformanceTarget = {
  name: 'map',
  capabilities: map().capabilities,
  open: (options) => map([], options),
}

describe('the backend of the documentation', () => {
  it('is the one in the README of core', () => {
    const readme = readFileSync('packages/core/README.md', 'utf8')
    expect(readme).toContain(readFileSync('tooling/test/map-backend.ts', 'utf8'))
  })

  for (const cases of [
    atomicCases,
    lockCases,
    lockSuccessorCases,
    lockTokenCases,
    lockWaitingCases,
    raceCases,
    readCases,
    returnedValueCases,
    revisionCases,
    rootCases,
    sessionCases,
    sessionKeyCases,
    transactionCases,
    treeCases,
    ttlCases,
    updateCases,
    valueCases,
    watchCases,
    watchEndCases,
    watchTreeCases,
    withLockCases,
    writeCases,
  ]) {
    cases({ describe, it }, target)
  }
})
