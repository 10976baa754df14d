import { consul } from '@libkv/consul'
import Consul from 'consul'
import { Agent } from 'node:http'
import type { Store } from '@libkv/core'
import { RequestCounter } from '@libkv/testing/servers'
import type { Bench } from './rows.ts'

const VALUE = Buffer.alloc(100, 'x')
const KEYS = 1_000

/**
 * libkv's Consul backend beside npm `consul` on the same server. The package's own agent has no limit, and the server resets
 * what is over its own; so its connections are kept, and capped as libkv's are.
 */
export async function consulBench(endpoint: string): Promise<Bench> {
  const kv = consul([endpoint], { namespace: 'bench' })
  const counter = await RequestCounter.to(endpoint)
  const throughCounter = consul([counter.endpoint], { namespace: 'bench' })
  const { hostname, port } = new URL(endpoint.includes('://') ? endpoint : `http://${endpoint}`)
  const agent = new Agent({ keepAlive: true, maxSockets: 56 })
  const raw = new Consul({ host: hostname, port: Number(port), agent })
  const path = (name: string): string => `bench/${name}`
  const text = VALUE.toString()
  const key = (index: number): string => `keys/${String(index % KEYS)}`
  for (let i = 0; i < KEYS; i++) await kv.put(key(i), VALUE)
  for (const size of [1_000, 10_000]) {
    for (let i = 0; i < size; i += 50) {
      const batch = Array.from({ length: 50 }, (_, k) =>
        kv.put(`list${String(size)}/${String(i + k)}`, VALUE),
      )
      await Promise.all(batch)
    }
  }

  // Compare-and-set needs the revision before: each subject has keys of its own and remembers them.
  const pairs = new Map<string, Awaited<ReturnType<typeof kv.put>> | null>()
  const indexes = new Map<string, number>()
  const casKey = (index: number, of: string): string => `cas-${of}/${String(index % 10_000)}`

  const get = (store: Store) => (i: number) => store.get(key(i))
  const put = (store: Store) => (i: number) => store.put(key(i), VALUE)
  const atomicPut = (store: Store) => async (i: number) => {
    const name = casKey(i, 'ours')
    pairs.set(name, await store.atomicPut(name, VALUE, pairs.get(name) ?? null))
  }
  const list = (store: Store, directory: string) => () => store.list(directory)

  return {
    backend: 'consul',
    peer: 'npm consul',
    counter,
    rows: [
      {
        // Both read linearizably (`?consistent`). The package returns the value as a string, libkv as bytes.
        name: 'get',
        ours: get(kv),
        counted: get(throughCounter),
        theirs: (i) => raw.kv.get(consistent(path(key(i)))),
      },
      {
        // The package's is a bare PUT that is answered with `true`. libkv's is a transaction: it tells its revision and whether
        // the key is new, and takes the key from a session that may hold it. Its values differ in their flags, so the
        // package's are made to differ, too: a write of the same bytes costs the server less, and is none.
        name: 'put',
        ours: put(kv),
        counted: put(throughCounter),
        theirs: (i) => raw.kv.set(path(key(i)), `${text}${String(i)}`),
      },
      {
        // The one way for the package to learn the new index in the same round trip is a transaction, too.
        name: 'atomicPut',
        ours: atomicPut(kv),
        counted: atomicPut(throughCounter),
        theirs: async (i) => {
          const name = casKey(i, 'theirs')
          const Index = indexes.get(name) ?? 0
          const Value = Buffer.from(`${text}${String(i)}`).toString('base64')
          const operation = { KV: { Verb: 'cas', Key: path(name), Value, Index } }
          const { Results } = await raw.transaction.create([operation] as never)
          indexes.set(name, (Results as { KV: { ModifyIndex: number } }[])[0]?.KV.ModifyIndex ?? 0)
        },
      },
      {
        name: 'list 1,000',
        bulk: 200,
        ours: list(kv, 'list1000'),
        counted: list(throughCounter, 'list1000'),
        theirs: () => raw.kv.get(consistent(path('list1000/'), true)),
      },
      {
        name: 'list 10,000',
        bulk: 50,
        ours: list(kv, 'list10000'),
        counted: list(throughCounter, 'list10000'),
        theirs: () => raw.kv.get(consistent(path('list10000/'), true)),
      },
    ],
    // From the sending of a write to the watch that shows it; the package's is its own watch helper.
    latency: {
      ours: async (rounds) => {
        const states = kv.watch('watched')[Symbol.asyncIterator]()
        await states.next()
        return latencies(rounds, async (value) => {
          await Promise.all([kv.put('watched', value), states.next()])
        }).finally(() => states.return?.())
      },
      theirs: async (rounds) => {
        const key = path('watched')
        await raw.kv.set(key, 'x')
        const watch = raw.watch({ method: raw.kv.get, options: { key } })
        const seen = async (): Promise<void> =>
          new Promise((resolve) => watch.once('change', () => resolve()))
        watch.on('error', () => undefined)
        await seen()
        const times = await latencies(rounds, async (value) => {
          const change = seen()
          await Promise.all([raw.kv.set(key, `${value}-${String(Math.random())}`), change])
        })
        watch.end()
        return times
      },
    },
    async close() {
      await kv.deleteTree('')
      await kv.close()
      await throughCounter.close()
      await counter[Symbol.asyncDispose]()
      agent.destroy()
    },
  }
}

/** What libkv reads, too: linearizable. The package's types know no such option. */
function consistent(key: string, recurse = false): never {
  return { key, consistent: true, recurse } as never
}

async function latencies(
  rounds: number,
  round: (value: string) => Promise<void>,
): Promise<number[]> {
  const times: number[] = []
  for (let i = 0; i < rounds; i++) {
    const start = performance.now()
    await round(String(i))
    times.push(performance.now() - start)
  }
  return times
}
