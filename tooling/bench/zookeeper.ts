import { systemRuntime } from '@libkv/core/driver'
import { zookeeper } from '@libkv/zookeeper'
import { ZooKeeperClient } from '../../packages/zookeeper/src/client/index.ts'
import type { Bench, Row } from './rows.ts'
import { openNative, openPure } from './zookeeper-peers.ts'
import type { Peer } from './zookeeper-peers.ts'

const VALUE = Buffer.alloc(100, 'x')
const KEYS = 1_000

/** libkv's ZooKeeper backend beside the two clients that npm has, on the same server. */
export async function zookeeperBench(endpoint: string): Promise<Bench[]> {
  const benches: Bench[] = []
  for (const open of [openNative, openPure]) {
    let peer: Peer
    try {
      peer = await open(endpoint)
    } catch (error) {
      // The native one is there only where it could be compiled.
      console.log(`zookeeper: ${(error as Error).message.split('\n')[0] ?? ''}`)
      continue
    }
    benches.push(await benchBeside(peer, endpoint))
  }
  return benches
}

async function benchBeside(peer: Peer, endpoint: string): Promise<Bench> {
  const namespace = `bench-${peer.name}`
  const kv = zookeeper([endpoint], { namespace })
  const key = (index: number): string => `keys/${String(index % KEYS)}`
  const path = (index: number): string => `/${namespace}/${key(index)}`
  for (let i = 0; i < KEYS; i++) await kv.put(key(i), VALUE)
  for (const size of [1_000, 10_000]) {
    for (let i = 0; i < size; i += 50) {
      await Promise.all(
        Array.from({ length: 50 }, (_, k) => kv.put(`list${String(size)}/${String(i + k)}`, VALUE)),
      )
    }
  }
  const listing = (size: number): Row => {
    const directory = `/${namespace}/list${String(size)}`
    return {
      name: `list ${size.toLocaleString('en')}`,
      bulk: size > 1_000 ? 5 : 30,
      ours: () => kv.list(`list${String(size)}`),
      theirs: async () => {
        const names = await peer.children(directory)
        return Promise.all(names.map((name) => peer.get(`${directory}/${name}`)))
      },
    }
  }
  const client = new ZooKeeperClient({ servers: [endpoint], runtime: systemRuntime })
  let created = 0
  const newName = (): string => `new/${String(++created)}`
  const newPath = (): string => `/${namespace}/${newName()}`
  const tidy = async (): Promise<void> => {
    await kv.deleteTree('new', { timeout: 120_000 })
    await kv.put(newName(), '')
  }
  await tidy()
  const { syncAndGet, createAndSet } = peer
  return {
    backend: 'zookeeper',
    peer: peer.name,
    rows: [
      {
        // What the others call a get: whatever the server that one is connected to knows.
        name: 'stale get',
        ours: (i) => kv.get(key(i), { consistency: 'stale' }),
        theirs: (i) => peer.get(path(i)),
      },
      {
        name: syncAndGet === undefined ? 'get' : 'sync, get',
        ours: (i) => kv.get(key(i)),
        theirs: (i) => (syncAndGet ?? ((of: string) => peer.get(of)))(path(i)),
      },
      {
        name: 'put',
        ours: (i) => kv.put(key(i), VALUE),
        theirs: (i) => peer.set(path(i), VALUE),
      },
      {
        // A transaction of two writes, the second of which lets a compare-and-set see that the key is another one than before.
        name: createAndSet === undefined ? 'create' : 'create, set',
        ours: () => kv.atomicPut(newName(), VALUE, null),
        theirs: () => (createAndSet ?? peer.create)(newPath(), VALUE, path(0)),
        tidy,
      },
      {
        name: 'bare create',
        ours: () => client.create(newPath(), VALUE),
        theirs: () => peer.create(newPath(), VALUE),
        tidy,
      },
      listing(1_000),
      listing(10_000),
    ],
    latency: {
      ours: async (rounds) => {
        const states = kv.watch('watched')[Symbol.asyncIterator]()
        await states.next()
        try {
          return await latencies(rounds, async (value) => {
            const start = performance.now()
            await Promise.all([kv.put('watched', value), states.next()])
            return performance.now() - start
          })
        } finally {
          await states.return?.()
        }
      },
      theirs: async (rounds) => {
        await kv.put('watched', '')
        const watched = `/${namespace}/watched`
        return latencies(rounds, async (value) => {
          const { changed } = await peer.watch(watched)
          const start = performance.now()
          const seen = changed.then(() => peer.get(watched))
          await Promise.all([peer.set(watched, Buffer.from(value)), seen])
          return performance.now() - start
        })
      },
    },
    async close() {
      await kv.deleteTree('', { timeout: 120_000 })
      await kv.close()
      await client.close()
      await peer.close()
    },
  }
}

/** What each round says that it took, in milliseconds. */
async function latencies(
  rounds: number,
  round: (value: string) => Promise<number>,
): Promise<number[]> {
  const times: number[] = []
  for (let i = 0; i < rounds; i++) times.push(await round(String(i)))
  return times
}
