// How soon stores are of use again, in seconds, beside a raw probe on the same cluster in the same run:
// `npm run timings`, or `npm run timings -- etcd`. Tests assert no durations; this does, relative to the probe and to how late
// timers fire on this machine.
import { Candidate, Follower } from '@libkv/leadership'
import { Lateness, waitFor } from '@libkv/testing'
import { selectedBackends, startServers } from '@libkv/testing/servers'
import type { Backend } from '@libkv/testing/servers'
import { backendOf } from '../elections/backends.ts'
import { rawWrite } from './probe.ts'

/** By how much a store may be later than the probe, and how long a hand-over may take, in milliseconds. */
const FAIL_OVER = 3_000
const HAND_OVER = 1_000

interface Timing {
  readonly what: string
  readonly took: number
  readonly atMost: number
  readonly probe?: number
}

/** The time until the first success of a write that is begun anew every 50 ms. */
async function firstSuccess(write: () => Promise<unknown>): Promise<number> {
  const start = performance.now()
  let took: number | undefined
  const begin = (): void => {
    write().then(
      () => (took ??= performance.now() - start),
      () => undefined,
    )
  }
  begin()
  const timer = setInterval(begin, 50)
  try {
    await waitFor(() => took !== undefined, { what: 'a write to succeed' })
  } finally {
    clearInterval(timer)
  }
  return took ?? Infinity
}

/** The leader of a cluster of three is killed or frozen; a store goes on writing, and another one on a member that lives watches. */
async function failOver(backend: Backend, fault: 'kill' | 'freeze'): Promise<Timing[]> {
  const { open } = backendOf(backend)
  await using servers = await startServers(backend, { nodes: 3 })
  const leader = await servers.leader()
  const survivor = servers.nodes.find((node) => node !== leader)?.endpoint ?? ''
  await using kv = open(servers.endpoints)
  await using beside = open([survivor])
  await kv.put('timings', 'before')
  const states = beside.watch('timings')[Symbol.asyncIterator]()
  await states.next()
  using lateness = new Lateness()
  await leader[fault]()
  const start = performance.now()
  const news = states.next().then(() => performance.now() - start)
  const [probe, took] = await Promise.all([
    firstSuccess(() => rawWrite(backend, servers.endpoints)),
    firstSuccess(() => kv.put('timings', 'after')),
  ])
  const late = (await news) - took
  if (fault === 'freeze') await leader.resume()
  const since = `after the leader was ${fault === 'kill' ? 'killed' : 'frozen'}`
  const atMost = FAIL_OVER + lateness.total
  return [
    { what: `a write ${since}`, took, probe, atMost: probe + atMost },
    { what: `its watch elsewhere`, took: Math.max(0, late), atMost },
  ]
}

/** A leader stops, and the next candidate leads. */
async function handOver(backend: Backend): Promise<Timing[]> {
  await using servers = await startServers(backend)
  await using one = backendOf(backend).open(servers.endpoints)
  await using other = backendOf(backend).open(servers.endpoints)
  const first = new Candidate(one, 'leader', { ttl: 60_000 })
  await first.campaign()
  const next = new Candidate(other, 'leader', { id: 'next', ttl: 60_000 })
  const elected = next.campaign()
  const follower = new Follower(one, 'leader')
  await waitFor(async () => (await follower.candidates()).length === 2, {
    what: 'two contenders in the queue',
  })
  using lateness = new Lateness()
  const start = performance.now()
  await first.stop()
  await elected
  const took = performance.now() - start
  await next.stop()
  return [{ what: 'a hand-over to the next candidate', took, atMost: HAND_OVER + lateness.total }]
}

const seconds = (ms: number): string => (ms / 1_000).toFixed(2).padStart(6)

const measures: readonly ((backend: Backend) => Promise<Timing[]>)[] = [
  handOver,
  (backend) => failOver(backend, 'kill'),
  (backend) => failOver(backend, 'freeze'),
]
const named = process.argv.slice(2)
let failed = 0
let passed = 0
for (const backend of selectedBackends()) {
  if (named.length > 0 && !named.includes(backend)) continue
  for (const measure of measures) {
    for (const { what, took, atMost, probe } of await measure(backend)) {
      const isInTime = took <= atMost
      if (isInTime) passed++
      else failed++
      const beside = probe === undefined ? '' : `, raw probe ${seconds(probe)}`
      const row = `${isInTime ? '✔' : '✖'} ${backend.padEnd(9)} ${what.padEnd(36)} ${seconds(took)}`
      console.log(`${row}, at most ${seconds(atMost)}${beside}`)
    }
  }
}
console.log(`${String(passed)} passed, ${String(failed)} failed`)
process.exitCode = failed === 0 ? 0 : 1
