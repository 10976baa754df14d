import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { selectedBackends, startServers } from '@libkv/testing/servers'
import type { Servers } from '@libkv/testing/servers'
import type { SlipOutcome } from '../slips/run.ts'
import { SECRET, slips } from '../slips/slips.ts'

/** No slip needs an answer of a server that takes long. In milliseconds, for a machine that is busy with something else. */
const LIMIT = 10_000

async function makeSlips(backend: string, endpoints: readonly string[]): Promise<SlipOutcome[]> {
  const program = join(__dirname, '../slips/run.ts')
  const options = ['--conditions=@libkv/source', '--import', 'tsx']
  const child = spawn(process.execPath, [...options, program, backend, ...endpoints], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, NODE_OPTIONS: '' },
  })
  const outcomes: SlipOutcome[] = []
  for await (const line of createInterface(child.stdout))
    outcomes.push(JSON.parse(line) as SlipOutcome)
  const code = child.exitCode ?? (await new Promise((resolve) => child.once('close', resolve)))
  expect(code).toBe(0)
  return outcomes
}

describe.each(['memory', ...selectedBackends()] as const)(
  'a slip of the caller, on %s',
  (backend) => {
    let servers: Servers | undefined
    let outcomes: readonly SlipOutcome[] = []

    beforeAll(async () => {
      servers = backend === 'memory' ? undefined : await startServers(backend)
      outcomes = await makeSlips(
        backend,
        servers?.endpoints.map((each) => each.replace(/^\w+:\/\//, '')) ?? ['slips'],
      )
    })

    afterAll(async () => {
      await servers?.[Symbol.asyncDispose]()
    })

    for (const { name, refusal, says, needsServers } of slips) {
      if (backend === 'memory' && needsServers === true) continue
      it(`is refused with ${refusal}: ${name}`, () => {
        const outcome = outcomes.find((each) => each.name === name)
        const { code, name: kind, message } = outcome?.error ?? {}
        expect(code ?? kind).toBe(refusal)
        // Those of calls name the call, the key and the store first.
        expect(
          code === undefined ? message : message?.replace(/^[^(]* on \w+ \([^)]*\): /, ''),
        ).toMatch(says)
        expect(message).not.toMatch(/\[object|is not a function|Cannot (read|destructure)/)
        expect(outcome?.shown).not.toContain(SECRET)
        expect(outcome?.duration).toBeLessThan(LIMIT)
      })
    }

    it('writes nothing, warns of nothing and leaves no rejection unhandled', () => {
      const names = new Set(slips.map(({ name }) => name))
      expect(outcomes.filter(({ name }) => !names.has(name))).toEqual([])
    })
  },
)

it('is one of more than a hundred', () => {
  expect(new Set(slips.map(({ name }) => name)).size).toBe(slips.length)
  expect(slips.length).toBeGreaterThan(100)
})
