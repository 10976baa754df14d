// Elections between processes, on a cluster of three, with faults: `npm run elections -- etcd --handovers 500`.
import { writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import type { Backend } from '@libkv/testing/servers'
import { backendOf, backends } from './backends.ts'
import { gapsInEvidence, violationsOf } from './check-history.ts'
import { reportOf } from './report.ts'
import { runElection } from './run-election.ts'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    handovers: { type: 'string', default: '500' },
    seed: { type: 'string', default: String(Date.now() % 1e6) },
    ttl: { type: 'string', default: '2000' },
    history: { type: 'string' },
  },
})
const handOvers = Number(values.handovers)
const ttl = Number(values.ttl)
const seed = Number(values.seed)

/** That many in a hundred hand-overs. */
const share = (percent: number): number => Math.max(1, Math.round((handOvers * percent) / 100))
const faults = {
  resigns: share(55),
  SIGTERM: share(14),
  SIGKILL: share(6),
  SIGSTOP: share(4),
  'SIGSTOP before a write': share(4),
  'cut off': share(4),
  'session destroyed': share(10),
  "store's leader killed": share(2),
  "store's leader frozen": share(2),
}

const asJson = (value: unknown): string =>
  JSON.stringify(value, (_, part: unknown) => (typeof part === 'bigint' ? String(part) : part), 1)

for (const backend of positionals.length > 0 ? positionals : Object.keys(backends)) {
  console.log(`${backend}: seed ${String(seed)}`)
  const started = performance.now()
  const progress = (text: string): void => {
    console.log(`${((performance.now() - started) / 1000).toFixed(0)} s: ${text}`)
  }
  const plan = { backend: backend as Backend, ttl, seed, handOvers, faults, progress }
  const history = await runElection(plan)
  console.log(reportOf(backend, ttl, history))
  if (values.history !== undefined) writeFileSync(values.history, asJson(history))
  const failures = [
    ...violationsOf(history, backendOf(backend as Backend).withdrawals),
    ...gapsInEvidence(history, { handOvers, each: faults }),
  ]
  for (const failure of failures) console.log(`FAILED: ${failure}`)
  if (failures.length > 0) process.exitCode = 1
  else console.log('No violation, save those of the control arm.')
}
