import { describe, expect, it } from '@jest/globals'
import { checkHistory, staleWrites } from '../elections/check-history.ts'
import { faults, schedule } from '../elections/faults.ts'
import { BeliefLog } from '../elections/history.ts'
import type { Belief, Write } from '../elections/history.ts'
import { quantile, report, tooSlow } from '../elections/report.ts'
import type { RunResult } from '../elections/run.ts'

const MS = 1_000_000n
const TTL = 1_000

/** A history in short: who looks when, in milliseconds, and with which token; 0 for none. */
function believed(...looks: readonly (readonly [worker: string, at: number, token: number])[]) {
  const log = new BeliefLog()
  for (const [worker, at, token] of looks) {
    const time = (BigInt(at) * MS).toString()
    const leads = token > 0 && { token: String(token) }
    log.look(worker, { what: 'look', from: time, to: time, ...leads })
  }
  return log.beliefs
}

const wrote = (token: number, revision: number): Write => ({
  token: BigInt(token),
  revision: BigInt(revision),
})

const check = (beliefs: readonly Belief[], writes: readonly Write[] = []): string[] =>
  checkHistory({ beliefs, writes, ttl: TTL })

describe('the checker of elections', () => {
  it('finds nothing wrong with terms that follow one another', () => {
    const beliefs = believed(
      ...([
        ['a', 0, 5],
        ['a', 900, 5],
        ['a', 910, 0],
        ['b', 920, 30],
        ['b', 1_800, 30],
        ['a', 1_900, 50],
      ] as const),
    )
    expect(beliefs).toHaveLength(3)
    expect(check(beliefs, [wrote(5, 6), wrote(5, 29), wrote(30, 31), wrote(50, 51)])).toEqual([])
  })

  it('finds two believers', () => {
    const overlap = believed(['a', 0, 5], ['b', 100, 9], ['a', 150, 5], ['b', 200, 9])
    expect(check(overlap)).toEqual(['two believers: a (term 5) and b (term 9) for 50.0 ms'])
  })

  it('finds a believer within the time of another, and one instant too many', () => {
    expect(check(believed(['a', 0, 5], ['b', 100, 9], ['b', 200, 9], ['a', 300, 5]))).toEqual([
      'two believers: a (term 5) and b (term 9) for 100.0 ms',
    ])
    expect(check(believed(['a', 0, 5], ['a', 100, 5], ['b', 100, 9]))).toHaveLength(1)
  })

  it('finds a second believer whom a shorter belief hides', () => {
    const beliefs = believed(['a', 0, 5], ['b', 10, 9], ['b', 20, 9], ['c', 50, 12], ['a', 100, 5])
    expect(check(beliefs).filter((each) => each.startsWith('two'))).toHaveLength(2)
  })

  it('finds a token that does not grow', () => {
    expect(check(believed(['a', 0, 9], ['b', 10, 5]))).toEqual([
      'tokens: b leads with 5 after a with 9',
    ])
    expect(check(believed(['a', 0, 5], ['b', 10, 5]))).toHaveLength(1)
  })

  it('finds one who leads again in a term that was over', () => {
    expect(check(believed(['a', 0, 5], ['a', 10, 0], ['a', 20, 5]))).toEqual([
      'tokens: a leads with 5 after a with 5',
    ])
  })

  it('finds one who still believes when it was frozen for longer than a time to live', () => {
    expect(check(believed(['a', 0, 5], ['a', 1_001, 5]))).toEqual([
      'frozen: a still believes after 1001.0 ms without a look',
    ])
    expect(check(believed(['a', 0, 5], ['a', 1_001, 0], ['b', 1_002, 7]))).toEqual([])
  })

  it('finds a write of a term that is over', () => {
    const beliefs = believed(['a', 0, 5], ['b', 10, 20])
    expect(check(beliefs, [wrote(5, 19), wrote(5, 21), wrote(20, 22)])).toEqual([
      'stale: a write of term 5 was taken at 21',
    ])
  })

  it('knows of terms from their writes, too', () => {
    expect(staleWrites([], [wrote(5, 21), wrote(20, 22)])).toEqual([wrote(5, 21)])
  })
})

describe('the faults of an election', () => {
  it.each([12, 40, 500])('of %i hand-overs are so many, and some of each kind', (handOvers) => {
    const planned = schedule(handOvers, 1)
    expect(planned.filter(({ deposes }) => deposes).length).toBeGreaterThanOrEqual(handOvers)
    expect(new Set(planned)).toEqual(new Set(faults))
  })

  it('come in the order that the seed decides', () => {
    const names = (seed: number): string[] => schedule(40, seed).map(({ name }) => name)
    expect(names(1)).toEqual(names(1))
    expect(names(1)).not.toEqual(names(2))
  })
})

describe('the report of an election', () => {
  const options = { backend: 'etcd', handOvers: 4, ttl: TTL, seed: 1, control: 1 } as const
  const result: RunResult = {
    handOvers: 4,
    faults: [
      { name: 'SIGKILL', count: 2, gaps: [900, 1_300] },
      { name: 'resignation', count: 2, gaps: [10, 101] },
    ],
    taken: 10,
    refused: 1,
    staleWithoutFencing: 1,
    violations: ['two believers'],
  }

  it('says how long nobody led, and what is wrong', () => {
    const text = report(options, result)
    expect(text).toMatch(/SIGKILL +2 +2 +900 ms = 0\.90 +1300 ms = 1\.30/)
    expect(text).toMatch(/VIOLATION two believers/)
  })

  it('names what took too long, or was never tried', () => {
    expect(tooSlow(options, result)).toEqual([
      'SIGKILL: 1.30 ttl without a leader',
      'resignation: 101 ms at 99 %',
    ])
    expect(tooSlow(options, { ...result, faults: [] })).toHaveLength(2)
  })

  it('takes a quantile from the values that there are', () => {
    expect([0, 0.5, 0.99, 1].map((share) => quantile([3, 1, 2], share))).toEqual([1, 2, 3, 3])
    expect(quantile([], 0.5)).toBeUndefined()
  })
})
