// Speed beside the raw drivers, on one server in one run: `npm run bench`, or `npm run bench -- etcd=127.0.0.1:2379`.
import { startServers } from '../servers/index.ts'
import { etcdBench } from './etcd.ts'
import { report } from './rows.ts'
import type { Bench } from './rows.ts'

const benches: Readonly<Record<string, (endpoint: string) => Promise<Bench>>> = { etcd: etcdBench }

const given = new Map(process.argv.slice(2).map((text) => text.split('=', 2) as [string, string?]))
for (const [backend, open] of Object.entries(benches)) {
  if (given.size > 0 && !given.has(backend)) continue
  await using server =
    given.get(backend) === undefined ? await startServers(backend as 'etcd') : null
  const bench = await open(given.get(backend) ?? server?.endpoints[0] ?? '')
  try {
    await report(bench)
  } finally {
    await bench.close()
  }
}
