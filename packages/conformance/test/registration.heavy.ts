import assert from 'node:assert/strict'
import { describe, it } from '@jest/globals'
import { memory } from '@libkv/memory'
import { allCases } from '../src/index.ts'
import type { ConformanceTarget } from '../src/index.ts'
import { casesOf, collectingRunner } from './collecting-runner.ts'

const { capabilities } = memory()
const target: ConformanceTarget = {
  name: 'memory',
  capabilities,
  open: (options) => memory(['registration'], options),
}

describe('registration', () => {
  it('touches nothing outside of its prefix', async () => {
    const name = 'prefix'
    const confined: ConformanceTarget = {
      name,
      capabilities,
      open: (options) => memory([name], options),
      prefix: 'app/conformance',
    }
    await using kv = memory([name])
    const seen = new Set<string>()
    const watching = (async () => {
      for await (const { changes } of kv.watchTree('')) {
        for (const { key } of changes) seen.add(key)
      }
    })()
    // These run one after the other, and at length.
    const slow = ['leaks', 'diagnostics', 'time to live']
    const { runner, cases } = collectingRunner()
    for (const group of allCases) group(runner, confined)
    const quick = cases.filter(({ path, isSkipped }) => !isSkipped && !slow.includes(path[0] ?? ''))
    await Promise.all(quick.map(({ run }) => run().catch(() => undefined)))
    await kv.close()
    await watching
    assert.ok(seen.size > 1_000)
    for (const key of seen) assert.ok(key.startsWith('app/conformance/'), key)
  })

  it('leaves nothing behind', async () => {
    await using kv = memory(['registration'])
    await kv.put('mine', 'v')
    const cases = allCases.slice(0, 12).flatMap((group) => casesOf(group, target))
    await Promise.all(cases.map(({ run }) => run().catch(() => undefined)))
    assert.deepEqual(await kv.keys(''), ['mine'])
  })
})
