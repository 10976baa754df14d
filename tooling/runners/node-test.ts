// The suite under Node's own runner, on the packages as they were built:
//   node --import tsx --test tooling/runners/node-test.ts
import { after, before, describe, it } from 'node:test'
import { conformance } from '@libkv/conformance'
import { describeModes } from './modes.ts'
import { targets } from './targets.ts'

for (const target of targets({ beforeAll: before, afterAll: after })) {
  conformance({ describe: describeModes(describe), it }, target)
}
