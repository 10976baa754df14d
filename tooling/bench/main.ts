// Speed beside the raw drivers, on one server in one run: `npm run bench`, or `npm run bench -- etcd=127.0.0.1:2379`.
import { startServers } from '../servers/index.ts'
import type { Backend } from '../servers/index.ts'
import { consulBench } from './consul.ts'
import { etcdBench } from './etcd.ts'
import { report } from './rows.ts'
import type { Bench } from './rows.ts'
import { zookeeperBench } from './zookeeper.ts'

const benches: Readonly<Record<string, (endpoint: string) => Promise<Bench | Bench[]>>> = {
  consul: consulBench,
  etcd: etcdBench,
  zookeeper: zookeeperBench,
}

/** Endpoints that were given, by backend; a backend alone gets a server of its own. */
const given = new Map<string, string | undefined>()
for (const text of process.argv.slice(2)) {
  const [backend = '', endpoint] = text.split('=', 2)
  given.set(backend, endpoint)
}

for (const [backend, open] of Object.entries(benches)) {
  if (given.size > 0 && !given.has(backend)) continue
  const endpoint = given.get(backend)
  await using server = endpoint === undefined ? await startServers(backend as Backend) : null
  // Some raw clients are worth a comparison each.
  for (const bench of [await open(endpoint ?? server?.endpoints[0] ?? '')].flat()) {
    try {
      await report(bench)
    } finally {
      await bench.close()
    }
  }
}
