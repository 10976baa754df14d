import { startServers } from '@libkv/testing/servers'
import type { BenchArguments } from './arguments.ts'
import { consulBench } from './consul.ts'
import { etcdBench } from './etcd.ts'
import { report } from './rows.ts'
import type { Bench } from './rows.ts'
import { zookeeperBench } from './zookeeper.ts'

const benches = { consul: consulBench, etcd: etcdBench, zookeeper: zookeeperBench }

/** Compares this build with the raw clients: speed and CPU time, on one server in one run. */
export async function compareWithRawClients(endpoints: BenchArguments['endpoints']): Promise<void> {
  for (const [store, given] of endpoints) {
    if (store === 'memory') continue
    await using server = given === undefined ? await startServers(store) : null
    const open: (endpoint: string) => Promise<Bench | Bench[]> = benches[store]
    // Some raw clients are worth a comparison each.
    for (const bench of [await open(given ?? server?.endpoints[0] ?? '')].flat()) {
      try {
        await report(bench)
      } finally {
        await bench.close()
      }
    }
  }
}
