import assert from 'node:assert/strict'
import fc from 'fast-check'
import type { Store } from '@libkv/core'
import { programs } from './commands.ts'
import { Model, Subject } from './subject.ts'

export interface ModelTestOptions {
  /**
   * How many programs to run.
   *
   * @default 100
   */
  readonly runs?: number
  /**
   * How many calls a program has at most.
   *
   * @default 60
   */
  readonly length?: number
  /**
   * Whether to look for a shorter program when one fails.
   *
   * @default true
   */
  readonly shrink?: boolean
  /**
   * What the programs are drawn from.
   *
   * @default the environment's `LIBKV_TEST_SEED`, else one that nobody has tried
   */
  readonly seed?: number
}

/**
 * Runs random programs against a store and against a model of the contract, and fails with the shortest program in which
 * they differ. A watch of the whole store looks on; what it saw must add up to the same in the end.
 *
 * @param open - opens a store that nobody else touches; each program gets one and closes it.
 */
export async function modelTest(
  open: () => Store | Promise<Store>,
  { runs = 100, length = 60, shrink = true, seed = newSeed() }: ModelTestOptions = {},
): Promise<void> {
  process.stdout.write(`model test: ${String(runs)} programs, LIBKV_TEST_SEED=${String(seed)}\n`)
  const probe = await open()
  const { transactions } = probe.capabilities
  await probe.close()
  const program = programs(transactions, length)
  const property = fc.asyncProperty(program, fc.boolean(), async (calls, isEager) => {
    const subject = new Subject(await open())
    try {
      await subject.onlooker.begin(isEager)
      const model = new Model()
      await fc.asyncModelRun(() => ({ model, real: subject }), calls)
      const pairs = await subject.kv.list('')
      const expected = model.store.list('')
      assert.deepEqual(
        await subject.kv.keys(''),
        expected.map(({ key }) => key),
      )
      assert.equal(pairs.length, expected.length)
      for (const [i, pair] of pairs.entries()) subject.same(pair, expected[i] ?? null)
      await subject.onlooker.arrive(pairs)
    } finally {
      subject.onlooker.end()
      await subject.kv.deleteTree('').catch(() => undefined)
      await subject.kv.close()
    }
  })
  await fc.assert(property, { numRuns: runs, seed, endOnFailure: !shrink })
}

function newSeed(): number {
  const given = process.env['LIBKV_TEST_SEED']
  return given === undefined ? Math.floor(Math.random() * 0x7fffffff) : Number(given)
}
