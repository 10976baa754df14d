import { describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import { iterate } from '@libkv/testing'
import { runs } from '@libkv/testing/backend-cases/runs'
import { compareKeys } from '../src/index.ts'
import { lockQueueDirectory, openStore } from '../src/driver.ts'
import type { Change } from '../src/driver.ts'
import type { KVPair, TreeChange, TreeSnapshot } from '../src/index.ts'
import { ManualRuntime } from './manual-runtime.ts'
import { entryOf, ScriptedDriver } from './scripted-driver.ts'

/** What a snapshot should hold: key and revision. */
type Model = ReadonlyMap<string, bigint>

const key = fc.constantFrom('d/a', 'd/b', 'd/b/c', 'd/é', 'd/\uffff', 'd/😀')
const step = fc.oneof(
  fc.record({ type: fc.constant('batch' as const), puts: fc.array(key), deletes: fc.array(key) }),
  // The driver has lost track and reads again: other keys may be there.
  fc.record({ type: fc.constant('reread' as const), puts: fc.array(key), keep: fc.boolean() }),
)

const shown = (pairs: readonly KVPair[]): [string, bigint][] =>
  pairs.map(({ key: name, revision }) => [name, revision])

const sorted = (model: Model): [string, bigint][] =>
  [...model].sort(([a], [b]) => compareKeys(a, b))

/** What the changes say, applied to what was there. */
function fold(before: Model, changes: readonly TreeChange[]): Model {
  const after = new Map(before)
  for (const change of changes) {
    expect(change.previous?.revision).toBe(before.get(change.key))
    if (change.type === 'put') after.set(change.key, change.pair.revision)
    else after.delete(change.key)
  }
  return after
}

describe('the snapshots of a tree', () => {
  it('each keep their own pairs, in whatever order they are read', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { maxLength: 12 }),
        fc.array(fc.nat(), { maxLength: 20 }),
        fc.boolean(),
        async (steps, order, isReadAtOnce) => {
          const driver = new ScriptedDriver()
          const kv = openStore(driver, { runtime: new ManualRuntime() })
          const states = iterate(kv.watchTree('d'))
          let pending = states.next()
          const observer = driver.feeds[0]?.observer
          const snapshots: TreeSnapshot[] = []
          const models: Model[] = []
          let folded: Model = new Map()
          let model = new Map<string, bigint>()
          let revision = 1n
          observer?.snapshot([], revision)

          const collect = async (): Promise<void> => {
            const { value } = await pending
            pending = states.next()
            if (value === undefined) throw new Error('the watch ended')
            snapshots.push(value)
            models.push(new Map(model))
            folded = fold(folded, value.changes)
            if (isReadAtOnce) expect(shown(value.pairs)).toEqual(sorted(model))
          }
          await collect()

          for (const change of steps) {
            const before = sorted(model)
            revision += 1n
            const changes: Change[] = []
            if (change.type === 'reread' && !change.keep) model = new Map()
            for (const name of change.puts) {
              model.set(name, revision)
              changes.push({ type: 'put', entry: entryOf(name, 'x', revision, revision) })
            }
            if (change.type === 'batch') {
              for (const name of change.deletes) {
                model.delete(name)
                changes.push({ type: 'delete', key: name, revision })
              }
              observer?.changes(changes, revision)
            } else {
              const entries = sorted(model).map(([name, at]) => entryOf(name, 'x', at, at))
              observer?.snapshot(entries, revision)
            }
            const isSame = JSON.stringify(before, asText) === JSON.stringify(sorted(model), asText)
            if (!isSame) await collect()
          }

          expect(sorted(folded)).toEqual(sorted(model))
          for (const at of [...order, ...snapshots.keys()].map((n) => n % snapshots.length)) {
            expect(shown(snapshots[at]?.pairs ?? [])).toEqual(sorted(models[at] ?? new Map()))
          }
          await kv.close()
        },
      ),
      { numRuns: runs(300) },
    )
  })

  it('merge what happened while nobody looked, and name each key once', async () => {
    const driver = new ScriptedDriver()
    const kv = openStore(driver, { runtime: new ManualRuntime() })
    const states = iterate(kv.watchTree('d'))
    const { observer } = driver.feeds[0] ?? { observer: undefined }
    observer?.snapshot([entryOf('d/a', '1', 1n), entryOf('d/b', '1', 1n)], 1n)
    await states.next()
    for (let revision = 2n; revision < 1_000n; revision++) {
      observer?.changes([{ type: 'put', entry: entryOf('d/a', '2', revision) }], revision)
    }
    observer?.changes([{ type: 'put', entry: entryOf('d/c', 'short-lived', 1_000n) }], 1_000n)
    observer?.changes([{ type: 'delete', key: 'd/c', revision: 1_001n }], 1_001n)
    observer?.changes([{ type: 'delete', key: 'd/b', revision: 1_002n }], 1_002n)
    const { value } = await states.next()
    expect(value?.revision).toBe(1_002n)
    expect(value?.changes.map((change: TreeChange) => [change.type, change.key])).toEqual([
      ['put', 'd/a'],
      ['delete', 'd/b'],
    ])
    expect(shown(value?.pairs ?? [])).toEqual([['d/a', 999n]])
    await kv.close()
  })

  it('make their pairs once, when first asked', async () => {
    const driver = new ScriptedDriver()
    const kv = openStore(driver, { runtime: new ManualRuntime() })
    const states = iterate(kv.watchTree('d'))
    driver.feeds[0]?.observer.snapshot([entryOf('d/a', '1')], 1n)
    const { value } = await states.next()
    expect(value?.pairs).toBe(value?.pairs)
    await kv.close()
  })

  it('do not show what others wrote that is no key, and nothing of the library', async () => {
    const driver = new ScriptedDriver()
    const kv = openStore(driver, { runtime: new ManualRuntime(), namespace: 'app' })
    const states = iterate(kv.watchTree(''))
    const { observer } = driver.feeds[0] ?? { observer: undefined }
    const foreign = ['app//a', `app/${lockQueueDirectory('x')}/1`, 'app/a//b', 'app/tab\t']
    observer?.snapshot(
      [...foreign, 'app/a'].map((name) => entryOf(name, '1')),
      1n,
    )
    expect(shown((await states.next()).value?.pairs ?? [])).toEqual([['a', 1n]])
    const next = states.next()
    observer?.changes(
      foreign.map((name) => ({ type: 'put', entry: entryOf(name, '2', 2n) })),
      2n,
    )
    observer?.changes([{ type: 'put', entry: entryOf('app/b', '1', 3n) }], 3n)
    expect((await next).value?.changes.map((change: TreeChange) => change.key)).toEqual(['b'])
    await kv.close()
  })
})

const asText = (_key: string, value: unknown): unknown =>
  typeof value === 'bigint' ? String(value) : value
