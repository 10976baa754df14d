import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from '@jest/globals'
import { CandidateLog } from '../elections/candidate-log.ts'
import {
  gapsInEvidence,
  overlapsOf,
  staleWrites,
  violationsOf,
} from '../elections/check-history.ts'
import { parseLog } from '../elections/history.ts'
import type { ElectionHistory } from '../elections/history.ts'
import { handOversOf, quantile, reportOf } from '../elections/report.ts'

const MS = 1_000_000n

/** A leads with token 10, is stopped before a write and succeeded by B with token 20. */
const good: ElectionHistory = {
  beliefs: [
    { process: 'A', token: 10n, from: 0n, to: 50n * MS },
    { process: 'B', token: 20n, from: 250n * MS, to: 400n * MS },
  ],
  denials: [{ process: 'A', token: 10n, at: 301n * MS }],
  freezes: [{ process: 'A', token: 10n, from: 49n * MS, to: 300n * MS }],
  fenced: [
    { key: 'fenced/A-1', token: 10n, revision: 12n },
    { key: 'fenced/B-1', token: 20n, revision: 22n },
  ],
  unfenced: [
    { key: 'unfenced/A-2', token: 10n, revision: 13n },
    { key: 'unfenced/A-4', token: 10n, revision: 23n },
  ],
  refused: ['fenced/A-3'],
  lateWrites: [{ token: 10n, fenced: 'LOCK_LOST', unfenced: 'accepted' }],
  sightings: [
    { id: 'A', token: 10n },
    { id: 'B', token: 20n },
  ],
  incidents: [{ fault: 'SIGSTOP before a write', at: 48n * MS, over: 280n * MS }],
}

const bad = (changes: Partial<ElectionHistory>): string[] => violationsOf({ ...good, ...changes })
const [a, b] = good.beliefs as [ElectionHistory['beliefs'][0], ElectionHistory['beliefs'][0]]

describe('violationsOf', () => {
  it('finds nothing wrong with a history that is right', () => {
    expect(violationsOf(good)).toEqual([])
  })

  it('finds two leaders at an instant', () => {
    const found = bad({ beliefs: [{ ...a, to: 260n * MS }, b] })
    expect(found).toEqual([
      'two leaders for 10.000 ms: A (token 10) still, B (token 20) already (SIGSTOP before a write)',
    ])
  })

  it('finds two leaders also when one term lies within the other, or when they touch', () => {
    const within = bad({
      beliefs: [
        { ...b, token: 5n, from: 0n, to: 500n * MS },
        { ...a, from: MS },
      ],
    })
    expect(within).toContainEqual(expect.stringMatching(/^two leaders for 49.000 ms/))
    const touching = bad({ beliefs: [{ ...a, to: b.from }, b] })
    expect(touching).toContainEqual(expect.stringMatching(/^two leaders for 0.000 ms/))
    const long = { process: 'C', token: 5n, from: -2n, to: 390n * MS }
    expect(bad({ beliefs: [long, a, b] })).toHaveLength(2)
  })

  it('excuses a leader that was not told yet that an operator had destroyed its session, for a moment', () => {
    const destroyed = { fault: 'session destroyed', at: 240n * MS, over: 280n * MS } as const
    const history = { ...good, freezes: [], incidents: [destroyed] }
    const moment = { ...history, beliefs: [{ ...a, to: 270n * MS }, b] }
    expect(violationsOf(moment)).toEqual([])
    expect(overlapsOf(moment)).toMatchObject([{ ms: 20, fault: 'session destroyed' }])
    expect(reportOf('here', 100, moment)).toContain('Two leaders, session destroyed: 1 times')
    const unrelated = { ...moment, incidents: [{ ...destroyed, over: 245n * MS }] }
    expect(violationsOf(unrelated)).toHaveLength(1)
    const long = [
      { ...a, to: 600n * MS },
      { ...b, to: 600n * MS },
    ]
    expect(violationsOf({ ...history, beliefs: long })).toEqual([
      'two leaders for 350.000 ms: A (token 10) still, B (token 20) already (session destroyed)',
    ])
  })

  it('finds tokens that go back or come twice', () => {
    expect(bad({ beliefs: [{ ...a, token: 30n }, b] })).toContain(
      'the tokens do not increase: A (token 30), then B (token 20)',
    )
    expect(bad({ beliefs: [a, { ...b, token: 10n }] })).toContain(
      'the tokens do not increase: A (token 10), then B (token 10)',
    )
  })

  it('finds a process that believes in its first look after it was frozen', () => {
    const found = bad({
      beliefs: [{ ...a, to: 301n * MS }, b],
      denials: [{ process: 'A', token: 10n, at: 302n * MS }],
    })
    expect(found).toContain('A was frozen beyond its term 10, and believed in it after')
  })

  it('finds a freeze after which nobody looked', () => {
    expect(bad({ denials: [] })).toEqual([
      'A was frozen in its term 10, and no look after was seen',
    ])
  })

  it('finds a fenced write of a stale term', () => {
    const fenced = [...good.fenced, { key: 'fenced/A-3', token: 10n, revision: 24n }]
    expect(bad({ fenced, refused: [] })).toEqual([
      'a fenced write of the stale term 10 was accepted: fenced/A-3',
    ])
  })

  it('knows a newer term from a follower or from its writes alone', () => {
    const late = { key: 'fenced/B-9', token: 20n, revision: 40n }
    const fenced = [...good.fenced, late]
    expect(bad({ fenced })).toEqual([])
    expect(bad({ fenced, sightings: [...good.sightings, { id: 'C', token: 30n }] })).toHaveLength(1)
    const next = { key: 'fenced/C-1', token: 30n, revision: 31n }
    expect(bad({ fenced: [...fenced, next] })).toHaveLength(1)
  })

  it('finds a write that was refused, and is there', () => {
    expect(bad({ refused: ['fenced/A-1'] })).toEqual([
      'a write was refused, and is there: fenced/A-1',
    ])
  })

  it('finds a follower who sees an older leader, or another one than leads', () => {
    expect(bad({ sightings: [...good.sightings].reverse() })).toEqual([
      'a follower saw 10 after 20',
    ])
    expect(bad({ sightings: [{ id: 'B', token: 10n }] })).toEqual([
      'a follower saw B lead with token 10, which is that of A',
    ])
  })

  it('finds a fault after which nobody leads', () => {
    expect(bad({ incidents: [{ fault: 'SIGKILL', at: 0n }] })).toEqual([
      'nobody leads after: SIGKILL',
    ])
  })
})

describe('gapsInEvidence', () => {
  const wanted = { handOvers: 1, each: { 'SIGSTOP before a write': 1 } } as const

  it('has nothing to add to a history with all that was wanted', () => {
    expect(gapsInEvidence(good, wanted)).toEqual([])
  })

  it('misses hand-overs and faults', () => {
    expect(gapsInEvidence(good, { handOvers: 2, each: { SIGKILL: 1 } })).toEqual([
      'hand-overs: 1, not 2',
      'SIGKILL: 0, not 1',
    ])
  })

  it('misses violations in the control arm, and refusals by the fence', () => {
    const unfenced = good.unfenced.slice(0, 1)
    const lateWrites = [{ token: 10n, fenced: 'TIMEOUT', unfenced: 'TIMEOUT' }]
    expect(gapsInEvidence({ ...good, unfenced, lateWrites, fenced: [] }, wanted)).toEqual([
      'stale writes accepted without a fence: 0, not 1',
      'late writes refused by the fence: 0, not 1',
      'fenced writes accepted: 0, not 1',
    ])
  })

  it('counts as stale what was accepted after a newer term had begun, and nothing else', () => {
    expect(staleWrites(good, good.unfenced).map(({ key }) => key)).toEqual(['unfenced/A-4'])
  })
})

describe('the report', () => {
  it('measures from the last look that said yes to the next leader, and from the fault', () => {
    expect(handOversOf(good)).toEqual([
      { fault: 'SIGSTOP before a write', gap: 200, sinceFault: 202 },
    ])
    expect(handOversOf({ ...good, incidents: [] })).toEqual([
      { fault: undefined, gap: 200, sinceFault: undefined },
    ])
    expect(reportOf('somewhere', 100, good)).toMatch(/^SIGSTOP before a write +1 +1 +200 \(2.00\)/m)
  })

  it('takes quantiles that are among the values', () => {
    const values = Array.from({ length: 100 }, (_, i) => i + 1)
    expect([0.5, 0.99, 1].map((share) => quantile(values, share))).toEqual([50, 99, 100])
    expect(quantile([], 0.5)).toBeUndefined()
  })
})

describe('CandidateLog', () => {
  it('keeps the first and the last look of each belief, and the first look after it', () => {
    const folder = mkdtempSync(join(tmpdir(), 'libkv-log-'))
    try {
      const path = join(folder, 'A')
      const log = new CandidateLog(path)
      log.look(1n, undefined)
      log.look(5n, 10n)
      log.look(6n, 10n)
      log.refused('fenced/A-1')
      log.look(7n, 10n)
      log.look(9n, undefined)
      log.look(11n, undefined)
      log.look(20n, 30n)
      log.look(25n, 40n)
      expect(parseLog('A', `${readFileSync(path, 'utf8')}belief 0`)).toEqual({
        beliefs: [
          { process: 'A', token: 10n, from: 5n, to: 7n },
          { process: 'A', token: 30n, from: 20n, to: 20n },
          { process: 'A', token: 40n, from: 25n, to: 25n },
        ],
        denials: [
          { process: 'A', token: 10n, at: 9n },
          { process: 'A', token: 30n, at: 25n },
        ],
        refused: ['fenced/A-1'],
      })
    } finally {
      rmSync(folder, { recursive: true })
    }
  })
})
