// Measures the CPU time of one build's operations on one store, in a process of its own, and prints them as JSON:
// node --import tsx costs.ts FOLDER STORE ENDPOINT
import type { Store } from '@libkv/core'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { measure } from './measure.ts'

const VALUE = Buffer.alloc(100, 'x')
const KEYS = 1_000
const LISTED = 100
/** A write costs its process something as well, so many watches share it. */
const WATCHES = 10
const ROUNDS = 5

const [folder = '', name = '', endpoint = ''] = process.argv.slice(2)
const entry = pathToFileURL(join(folder, 'packages', name, 'dist/index.js')).href
const built = (await import(entry)) as Record<
  string,
  ((addresses: string[], options: object) => Store) | undefined
>
const kv = built[name]?.([endpoint], { namespace: 'bench' })
if (kv === undefined) throw new Error(`${entry} has no '${name}'`)

/** Without a server in the way, an operation is short. */
const scale = name === 'memory' ? 10 : 1

async function cost(
  operation: (index: number) => Promise<unknown>,
  operations: number,
  concurrency: number,
): Promise<number> {
  const plan = { concurrency, operations: operations * scale, rounds: ROUNDS }
  const [figure] = await measure([{ name: '', operation }], plan)
  return figure?.cpu ?? NaN
}

const key = (index: number): string => `keys/${String(index % KEYS)}`
const fill = async (directory: string, count: number): Promise<void> => {
  for (let i = 0; i < count; i += 50) {
    const batch = Array.from({ length: 50 }, (_, k) => `${directory}/${String(i + k)}`)
    await Promise.all(batch.map((each) => kv.put(each, VALUE)))
  }
}
await fill('keys', KEYS)
await fill('list', LISTED)

const get = await cost((i) => kv.get(key(i)), 2_000, 32)
const put = await cost((i) => kv.put(key(i), VALUE), 1_000, 32)
const list = await cost(() => kv.list('list'), 200, 8)
const lock = await cost(
  async (i) => {
    const held = await kv.newLock(`lock/${String(i % 64)}`).lock()
    await held.unlock()
  },
  100,
  8,
)

const watches = Array.from({ length: WATCHES }, () => kv.watch('watched')[Symbol.asyncIterator]())
await Promise.all(watches.map((watch) => watch.next()))
const write = async (): Promise<void> => {
  await Promise.all([kv.put('watched', VALUE), ...watches.map((watch) => watch.next())])
}
const watch = (await cost(write, 100, 1)) / WATCHES
for (const each of watches) await each.return?.()

await kv.deleteTree('', { timeout: 120_000 })
await kv.close()
console.log(JSON.stringify({ get, put, [`list ${String(LISTED)}`]: list, lock, watch }))
