// The suite under Vitest:
//   vitest run --config tooling/runners/vitest.config.ts
import { afterAll, beforeAll, describe, it } from 'vitest'
import { conformance } from '@libkv/conformance'
import { describeModes } from './modes.ts'
import { targets } from './targets.ts'

for (const target of targets({ beforeAll, afterAll })) {
  conformance({ describe: describeModes(describe), it }, target)
}
