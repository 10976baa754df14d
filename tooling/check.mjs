// npm run check: everything but the tests. One line for each step, and all it printed where it failed.
//   npm run check lint types    runs these steps only
import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'

// Each step is a script of package.json. The build keeps all cores busy, and leaves temporary files about while it lasts. Then
// two at a time: the lanes run side by side, the steps of a lane one after another.
const first = ['build']
const lanes = [
  ['size', 'packages', 'bundles'],
  ['format:check', 'lint', 'types', 'unused', 'docs'],
]

const wanted = process.argv.slice(2)
const known = [first, ...lanes].flat()
const unknown = wanted.filter((step) => !known.includes(step))
if (unknown.length > 0) {
  console.error(`no step ${unknown.join(', ')}; there are ${known.join(', ')}`)
  process.exit(64)
}

const total = { passed: 0, failed: 0 }

/** A step counts as what its test runner counted, or as one. */
function count(output, succeeded) {
  const counted = (name) => Number(new RegExp(`^ℹ ${name} (\\d+)$`, 'm').exec(output)?.[1] ?? 0)
  const passed = counted('pass')
  const failed = counted('fail')
  const isCounted = passed + failed > 0 && succeeded === (failed === 0)
  total.passed += isCounted ? passed : Number(succeeded)
  total.failed += isCounted ? failed : Number(!succeeded)
}

/** Runs a step and says how it went. */
function run(step) {
  return new Promise((resolve) => {
    const start = performance.now()
    const child = spawn('npm', ['run', '--silent', step], {
      cwd: fileURLToPath(new URL('..', import.meta.url)),
      stdio: ['ignore', 'pipe', 'pipe'],
      shell: process.platform === 'win32',
    })
    let output = ''
    const collect = (chunk) => (output += chunk)
    child.stdout.setEncoding('utf8').on('data', collect)
    child.stderr.setEncoding('utf8').on('data', collect)
    child.on('error', collect)
    child.on('close', (status) => {
      const seconds = ((performance.now() - start) / 1000).toFixed(1)
      console.log(`${status === 0 ? '✔' : '✖'} ${step.padEnd(14)} ${seconds.padStart(5)} s`)
      if (status !== 0) console.log(output.trimEnd())
      count(output, status === 0)
      resolve()
    })
  })
}

async function runLane(steps) {
  for (const step of steps) {
    if (wanted.length === 0 || wanted.includes(step)) await run(step)
  }
}

await runLane(first)
await Promise.all(lanes.map(runLane))
console.log(`${total.passed} passed, ${total.failed} failed`)
process.exitCode = total.failed === 0 ? 0 : 1
