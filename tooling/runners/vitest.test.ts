// The suite under Vitest:
//   vitest run --config tooling/runners/vitest.config.ts
import { afterAll, beforeAll, describe, it } from 'vitest'
import { conformance } from '@libkv/conformance'
import { targets } from './targets.ts'

for (const target of targets({ beforeAll, afterAll })) conformance({ describe, it }, target)
