import { describe, expect, it } from '@jest/globals'
import type { KVPair, Store } from '@libkv/core'
import { modelTest } from '@libkv/testing/backend-cases/model/model-test'
import { memory } from '../src/index.ts'

let count = 0
const open = (): Store => memory([`model-${String(++count)}`])

/** The store with some of its methods replaced. */
function broken(store: Store, faults: (intact: Store) => Partial<Store>): Store {
  const replaced = faults(store)
  return new Proxy(store, {
    get(target, property) {
      if (property in replaced) return replaced[property as keyof Store]
      const intact: unknown = Reflect.get(target, property, target)
      return typeof intact === 'function' ? (intact.bind(target) as unknown) : intact
    },
  })
}

describe('the embedded store', () => {
  it('does in random programs what the model of the contract does', async () => {
    await modelTest(open, { runs: 200 })
  })

  it('does the same in a namespace', async () => {
    await modelTest(() => memory([`model-${String(++count)}`], { namespace: 'app/eu' }), {
      runs: 100,
    })
  })
})

describe('the model test', () => {
  it.each<[string, (intact: Store) => Partial<Store>]>([
    [
      'lists siblings',
      (kv) => ({
        list: async (directory) => {
          const prefix = directory.replace(/^\/|\/$/g, '')
          const all = await kv.list('')
          return all.filter(({ key }) => key !== prefix && key.startsWith(prefix))
        },
      }),
    ],
    ['sorts by UTF-16', (kv) => ({ keys: async (directory) => (await kv.keys(directory)).sort() })],
    [
      'lists the directory itself',
      (kv) => ({
        keys: async (directory) => {
          const self = await kv.get(directory).catch(() => null)
          return [...(self === null ? [] : [self.key]), ...(await kv.keys(directory))]
        },
      }),
    ],
    [
      'miscounts deleteTree by one',
      (kv) => ({
        deleteTree: async (directory) => {
          const gone = await kv.deleteTree(directory)
          return gone > 1 ? gone - 1 : gone
        },
      }),
    ],
    [
      'forgets the last key in deleteTree',
      (kv) => ({
        deleteTree: async (directory) => {
          const last = (await kv.list(directory)).at(-1)
          const gone = await kv.deleteTree(directory)
          if (last !== undefined) await kv.put(last.key, last.value)
          return gone
        },
      }),
    ],
    ['says that it has deleted what was not there', () => ({ delete: async () => true })],
    [
      'overwrites whatever is there in atomicPut',
      (kv) => ({ atomicPut: (key, value) => kv.put(key, value) }),
    ],
    [
      'compares values instead of revisions',
      (kv) => ({
        atomicDelete: async (key, previous) => {
          const current = await kv.get(key)
          const isEqual = current?.text() === (previous as KVPair).text()
          await kv.atomicDelete(key, isEqual ? (current ?? previous) : previous)
        },
      }),
    ],
    [
      'drops a write of the same bytes',
      (kv) => ({
        put: async (key, value, options) => {
          const current = await kv.get(key)
          const isSame = current !== null && Buffer.from(value).equals(Buffer.from(current.value))
          return isSame ? current : kv.put(key, value, options)
        },
      }),
    ],
    [
      'treats the empty value as absent',
      (kv) => ({
        get: async (key) => {
          const pair = await kv.get(key)
          return pair?.value.length === 0 ? null : pair
        },
      }),
    ],
    [
      'does a transaction step by step',
      (kv) => ({
        transaction: async (operations) => {
          const results = []
          for (const operation of operations) {
            results.push(...(await kv.transaction([operation])).results)
          }
          const { revision = 0n } = results.findLast((pair) => pair !== null) ?? {}
          return { revision, results }
        },
      }),
    ],
    [
      'loses a deletion on its way to a watch',
      (kv) => ({
        watchTree: (directory) => ({
          async *[Symbol.asyncIterator]() {
            for await (const { pairs, changes, revision } of kv.watchTree(directory)) {
              const kept = changes.filter(({ type }) => type === 'put')
              yield { pairs, revision, changes: kept }
            }
          },
        }),
      }),
    ],
  ])('fails for a store that %s', async (_fault, faults) => {
    const work = modelTest(() => broken(open(), faults), { runs: 200, shrink: false })
    await expect(work).rejects.toThrow(/Property failed after \d+ tests[^]*seed: -?\d+/)
  })

  it('passes for a wrapper that breaks nothing', async () => {
    await modelTest(() => broken(open(), () => ({})), { runs: 20 })
  })

  it('reports a short program', async () => {
    const faulty = (): Store =>
      broken(open(), (kv) => ({ deleteTree: async (path) => (await kv.deleteTree(path)) + 1 }))
    const error: unknown = await modelTest(faulty, { runs: 200 }).catch((reason: unknown) => reason)
    expect((error as Error).message).toMatch(
      /Counterexample: \[deleteTree '[^']*' [^\s,]*,(true|false)\]/,
    )
  })
})
