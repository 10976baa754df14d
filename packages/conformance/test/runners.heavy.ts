import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { describe, it } from '@jest/globals'

const run = promisify(execFile)
const cwd = join(__dirname, '..')

/** Without what would make the runner believe that it is part of another one. */
const { NODE_OPTIONS, NODE_TEST_CONTEXT, JEST_WORKER_ID, VITEST, ...env } = process.env

describe('the suite', () => {
  it('runs under node:test', async () => {
    const { stdout } = await run(
      process.execPath,
      [
        '--conditions=@libkv/source',
        '--import=tsx',
        '--test',
        '--test-reporter=tap',
        'test/runners/with-node-test.ts',
      ],
      { cwd, env },
    )
    assert.match(stdout, /^# fail 0$/m)
    assert.match(stdout, /^# pass [1-9][0-9]$/m)
    assert.match(stdout, /^# skipped [1-9][0-9]$/m)
    assert.match(stdout, /skipped: capabilities\.transactions is false/)
  })

  it('runs under Vitest', async () => {
    const vitest = createRequire(__filename).resolve('vitest/package.json')
    const { stdout } = await run(
      process.execPath,
      [
        join(dirname(vitest), 'vitest.mjs'),
        'run',
        '--config=test/runners/vitest.config.mjs',
        '--root=.',
        '--reporter=json',
      ],
      { cwd, env },
    )
    const report = JSON.parse(stdout.slice(stdout.indexOf('{'))) as Record<string, number>
    assert.equal(report['numFailedTests'], 0)
    assert.ok(Number(report['numPassedTests']) > 20)
    assert.ok(Number(report['numPendingTests']) > 20)
  })
})
