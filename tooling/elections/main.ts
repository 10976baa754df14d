// npm run elections -- etcd --handovers 500 --ttl 8000 --seed 1
import { parseArgs } from 'node:util'
import { selectedBackends } from '../servers/index.ts'
import type { Backend } from '../servers/index.ts'
import { report, tooSlow } from './report.ts'
import { run } from './run.ts'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    handovers: { type: 'string', default: '500' },
    ttl: { type: 'string', default: '8000' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
  },
})

let failed = false
for (const backend of positionals.length > 0 ? (positionals as Backend[]) : selectedBackends()) {
  const options = {
    backend,
    handOvers: Number(values.handovers),
    ttl: Number(values.ttl),
    seed: Number(values.seed),
    control: 3,
  }
  const result = await run(options)
  const violations = [...result.violations, ...tooSlow(options, result)]
  console.log(report(options, { ...result, violations }))
  failed ||= violations.length > 0
}
process.exitCode = failed ? 1 : 0
