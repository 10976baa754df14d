import { etcd } from '@libkv/etcd'
import { noop } from 'cockatiel'
import { Etcd3 } from 'etcd3'
import type { Bench } from './rows.ts'

const VALUE = Buffer.alloc(100, 'x')
const KEYS = 1_000

/** libkv's etcd backend beside etcd3's raw layer with its fault handling off, on the same server. */
export async function etcdBench(endpoint: string): Promise<Bench> {
  const kv = etcd([endpoint], { namespace: 'bench' })
  const raw = new Etcd3({
    hosts: [endpoint],
    faultHandling: { global: noop, host: () => noop },
    grpcOptions: { 'grpc.max_receive_message_length': -1 },
  })
  const path = (name: string): Buffer => Buffer.from(`bench/${name}`)
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
  const revisions = new Map<string, string>()
  const casKey = (index: number, of: string): string => `cas-${of}/${String(index % 10_000)}`

  const range = (directory: string): { key: Buffer; range_end: Buffer } => ({
    key: path(`${directory}/`),
    range_end: path(`${directory}0`),
  })

  return {
    backend: 'etcd',
    peer: 'etcd3 (raw)',
    rows: [
      {
        name: 'get',
        ours: (i) => kv.get(key(i)),
        theirs: (i) => raw.kv.range({ key: path(key(i)) }),
      },
      {
        name: 'put',
        ours: (i) => kv.put(key(i), VALUE),
        theirs: (i) => raw.kv.put({ key: path(key(i)), value: VALUE }),
      },
      {
        // Our put tells when the key was created, for which etcd has to read the pair before.
        name: 'put, prev_kv',
        ours: (i) => kv.put(key(i), VALUE),
        theirs: (i) => raw.kv.put({ key: path(key(i)), value: VALUE, prev_kv: true }),
      },
      {
        name: 'atomicPut',
        ours: async (i) => {
          const name = casKey(i, 'ours')
          pairs.set(name, await kv.atomicPut(name, VALUE, pairs.get(name) ?? null))
        },
        theirs: async (i) => {
          const name = casKey(i, 'theirs')
          const key = path(name)
          const known = revisions.get(name)
          const reply = await raw.kv.txn({
            compare: [
              known === undefined
                ? { key, target: 'Create', result: 'Equal', create_revision: '0' }
                : { key, target: 'Mod', result: 'Equal', mod_revision: known },
            ],
            success: [{ request_put: { key, value: VALUE, prev_kv: true } }],
            failure: [{ request_range: { key } }],
          })
          revisions.set(name, reply.header.revision)
        },
      },
      {
        name: 'list 1,000',
        bulk: 30,
        ours: () => kv.list('list1000'),
        theirs: () => raw.kv.range(range('list1000')),
      },
      {
        name: 'list 10,000',
        bulk: 30,
        ours: () => kv.list('list10000'),
        theirs: () => raw.kv.range(range('list10000')),
      },
    ],
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
        const watcher = await raw.watch().key(key).create()
        const times = await latencies(rounds, async (value) => {
          const seen = new Promise((resolve) => watcher.once('put', resolve))
          await Promise.all([raw.kv.put({ key, value: Buffer.from(value) }), seen])
        })
        await watcher.cancel()
        return times
      },
    },
    async close() {
      await kv.deleteTree('')
      await kv.close()
      raw.close()
    },
  }
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
