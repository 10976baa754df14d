import assert from 'node:assert/strict'
import { describe, it } from '@jest/globals'
import { memory } from '@libkv/memory'
import { conformance } from '../src/index.ts'
import type { ConformanceTarget } from '../src/index.ts'
import { collectingRunner } from './collecting-runner.ts'
import type { CollectedCase } from './collecting-runner.ts'

const { capabilities } = memory()
const target: ConformanceTarget = {
  name: 'memory',
  capabilities,
  open: (options) => memory(['registration'], options),
}

function collect(given: ConformanceTarget): CollectedCase[] {
  const { runner, cases } = collectingRunner()
  conformance(runner, given)
  return cases
}

const skipped = (cases: readonly CollectedCase[]): string[] =>
  cases.filter(({ isSkipped }) => isSkipped).map(({ name }) => name)

describe('registration', () => {
  it('has every case twice, plain and namespaced', () => {
    const cases = collect({ ...target, openUnreachable: target.open })
    const inMode = (mode: string): CollectedCase[] => cases.filter(({ path }) => path[1] === mode)
    assert.ok(inMode('plain').length >= 250)
    const names = (mode: string): Set<string> =>
      new Set(inMode(mode).map(({ path, name }) => [...path.slice(2), name].join(' > ')))
    for (const name of names('namespaced')) assert.ok(names('plain').has(name), name)
    const extra = [...names('plain')].filter((name) => !names('namespaced').has(name))
    assert.ok(extra.every((name) => name.includes('refuses a namespace')))
  })

  it('gives each case a name of its own', () => {
    const names = collect(target).map(({ path, name }) => [...path, name].join(' > '))
    assert.deepEqual(
      names.filter((name, i) => names.indexOf(name) !== i),
      [],
    )
  })

  it('skips nothing of a backend that can do everything', () => {
    assert.deepEqual(skipped(collect({ ...target, openUnreachable: target.open })), [])
  })

  it('skips what the capabilities rule out, and says why', () => {
    const cases = collect({
      ...target,
      openUnreachable: target.open,
      capabilities: { ...capabilities, transactions: false, sessionKeysMayHaveDescendants: false },
    })
    const names = skipped(cases)
    assert.ok(names.length > 50)
    for (const name of names) assert.match(name, /\(skipped: capabilities\.\w+ is false\)$/)
    assert.ok(cases.some(({ name }) => name.startsWith('refuses transactions, as')))
  })

  it('skips what a prefix rules out in the plain run only', () => {
    const cases = collect({ ...target, openUnreachable: target.open, prefix: 'app/' })
    const ruledOut = cases.filter(({ isSkipped }) => isSkipped)
    assert.ok(ruledOut.length > 50)
    for (const { path, name } of ruledOut) {
      assert.equal(path[1], 'plain')
      assert.match(name, /\(skipped: the target's prefix leaves out .+\)$/)
    }
  })

  it('registers what it skips with a runner that has no skip', () => {
    const names: string[] = []
    const runner = {
      describe: (_name: string, body: () => void) => {
        body()
      },
      it: (name: string) => names.push(name),
    }
    conformance(runner, target)
    assert.ok(names.some((name) => name.endsWith('(skipped: the target has no openUnreachable)')))
  })
})
