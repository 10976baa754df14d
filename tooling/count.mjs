// Adds up what the test runners counted: node tooling/count.mjs LOG… prints `N passed, N failed`.
import { readFileSync } from 'node:fs'

const counts = [
  // Jest: "Tests:       2 failed, 1 skipped, 40 passed, 43 total"; Vitest: "Tests  2 failed | 40 passed (42)"
  { line: /^\s*Tests:?\s.*\d.*$/gm, passed: /(\d+) passed/, failed: /(\d+) failed/ },
  // node:test: "ℹ pass 40", "ℹ fail 2"
  {
    line: /^(?:ℹ|#) (?:pass|fail|cancelled) \d+$/gm,
    passed: /pass (\d+)/,
    failed: /(?:fail|cancelled) (\d+)/,
  },
  // npm run check: "40 passed, 2 failed"
  { line: /^\d+ passed, \d+ failed$/gm, passed: /(\d+) passed/, failed: /(\d+) failed/ },
]

let passed = 0
let failed = 0
for (const file of process.argv.slice(2)) {
  const log = readFileSync(file, 'utf8').replaceAll(/\u001b\[[\d;]*m/g, '')
  for (const format of counts) {
    for (const [line] of log.matchAll(format.line)) {
      passed += Number(format.passed.exec(line)?.[1] ?? 0)
      failed += Number(format.failed.exec(line)?.[1] ?? 0)
    }
  }
}
console.log(`${passed} passed, ${failed} failed`)
