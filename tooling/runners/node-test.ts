// The suite under Node's own runner, on the packages as they were built:
//   node --import tsx --test tooling/runners/node-test.ts
// With LIBKV_TEST_MODE=namespaced each case runs once, and not on a plain store as well.
import { after, before, describe, it } from 'node:test'
import { conformance } from '@libkv/conformance'
import { targets } from './targets.ts'

const only = process.env['LIBKV_TEST_MODE']

/** Leaves out a mode of a target that was not asked for. */
function describeModes(title: string, body: () => void): void {
  const isMode = title === 'plain' || title === 'namespaced'
  if (!isMode || only === undefined || title === only) describe(title, body)
}

for (const target of targets({ beforeAll: before, afterAll: after })) {
  conformance({ describe: describeModes, it }, target)
}
