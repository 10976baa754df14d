import { describe, expect, it } from '@jest/globals'
import { isLibkvError } from '@libkv/core'
import { openStore } from '@libkv/core/driver'
import type { Store } from '@libkv/core'
import fc from 'fast-check'
import { waitFor } from '@libkv/testing'
import { runs } from '@libkv/testing/backend-cases/runs'
import { LockBench } from '../../core/test/lock-bench.ts'
import { ManualRuntime } from '../../core/test/manual-runtime.ts'
import { fails, hangs, ScriptedDriver } from '../../core/test/scripted-driver.ts'
import { Candidate } from '../src/index.ts'
import type { CandidateOptions, Term } from '../src/index.ts'

/** More than the library makes for two terms. */
const CALLS = 14

/** Some candidates of one election, and whether there ever were two leaders. */
class Race {
  readonly bench: LockBench
  readonly candidates: Candidate[] = []
  readonly overlaps: string[] = []
  readonly tokens: bigint[] = []

  constructor(bench: LockBench) {
    this.bench = bench
  }

  candidate(
    id: string,
    options: CandidateOptions = {},
    store: Store = this.bench.open(),
  ): Candidate {
    const candidate = new Candidate(store, 'leader', { id, ttl: 1_200, ...options })
    this.candidates.push(candidate)
    candidate.on('elected', ({ token }) => {
      this.tokens.push(token)
      const leaders = this.candidates.filter((one) => one.isLeader()).map((one) => one.id)
      if (leaders.length > 1) this.overlaps.push(leaders.join())
    })
    return candidate
  }

  isSound(): void {
    expect(this.overlaps).toEqual([])
    expect(this.tokens).toEqual([...new Set(this.tokens)].sort((a, b) => (a < b ? -1 : 1)))
  }
}

/** Runs a program once for each call that the library makes in it, side by side, and says how many calls those are. */
async function atEachCall(program: (race: Race, nth: number) => Promise<void>): Promise<number> {
  const runs = Array.from({ length: CALLS }, async (_, i) => {
    await using bench = new LockBench()
    await program(new Race(bench), i + 1)
    return bench.triggered
  })
  return (await Promise.all(runs)).filter(Boolean).length
}

const untilOver = async ({ signal }: Term): Promise<void> => {
  await new Promise((resolve) => {
    if (signal.aborted) resolve(undefined)
    else signal.addEventListener('abort', resolve, { once: true })
  })
}

describe('a candidate', () => {
  it.each([
    ['answers are lost', (bench: LockBench) => bench.faults.loseAnswers(1)],
    ['two answers in a row are lost', (bench: LockBench) => bench.faults.loseAnswers(2)],
    ['requests are refused', (bench: LockBench) => bench.faults.refuse(2)],
    [
      'the connection is cut for a moment',
      (bench: LockBench) => {
        bench.faults.disconnect()
        setTimeout(() => bench.faults.reconnect(), 30)
      },
    ],
    ['all sessions are ended', (bench: LockBench) => bench.faults.dropSessions()],
  ])('has no rival and leaves no ghost when %s, at any call', async (_how, hurt) => {
    const calls = await atEachCall(async (race, nth) => {
      const { bench } = race
      bench.beforeCall(nth, () => {
        hurt(bench)
      })
      const turns = ['a', 'b'].map(async (id) => {
        const candidate = race.candidate(id)
        await candidate.campaign()
        expect(await bench.shown('leader')).toContain(`"${id}"`)
        await candidate.stop()
      })
      await Promise.all(turns)
      if (!bench.triggered) return
      race.isSound()
      await bench.isClean()
    })
    expect(calls).toBeGreaterThan(6)
    expect(calls).toBeLessThan(CALLS)
  })

  it('leaves nothing when it is stopped at any call', async () => {
    const calls = await atEachCall(async ({ bench }, nth) => {
      const candidate = new Candidate(bench.open(), 'leader', { ttl: 1_200 })
      bench.beforeCall(nth, () => {
        candidate.stop().catch(() => undefined)
      })
      const running = candidate.run(untilOver)
      await waitFor(() => candidate.isLeader() || bench.triggered, {
        what: 'it to lead or to be stopped',
      })
      await candidate.stop()
      await running
      expect(candidate.isLeader()).toBe(false)
      await bench.isClean()
    })
    expect(calls).toBeGreaterThan(3)
    expect(calls).toBeLessThan(CALLS)
  })

  it('leads again after an outage that was longer than its time to live', async () => {
    await using bench = new LockBench()
    const race = new Race(bench)
    const store = bench.open({ connectionTimeout: 30, requestTimeout: 60 })
    const candidate = race.candidate('a', { ttl: 300 }, store)
    const lost: unknown[] = []
    const sessions: number[] = []
    candidate.on('lost', (_term, reason) => {
      lost.push(reason)
      sessions.push(bench.faults.sessions)
    })
    const terms: Term[] = []
    const running = candidate.run(async (term) => {
      terms.push(term)
      await untilOver(term)
    })
    await waitFor(() => terms.length === 1, { what: 'it to lead' })
    bench.faults.disconnect()
    await waitFor(() => sessions.length === 1, { what: 'it to notice the loss' })
    expect(candidate.isLeader()).toBe(false)
    // The server still had its session: nobody else could lead before.
    expect(sessions).toEqual([1])
    await waitFor(() => bench.faults.sessions === 0, { what: 'the session to expire' })
    bench.faults.reconnect()
    await waitFor(() => terms.length === 2, { what: 'it to lead again' })
    expect(lost).toEqual([expect.objectContaining({ code: 'LOCK_LOST' })])
    race.isSound()
    await candidate.stop()
    await running
    await bench.isClean()
  })

  it('waits out an outage in line', async () => {
    await using bench = new LockBench()
    const race = new Race(bench)
    const leader = race.candidate('a', { ttl: 60_000 })
    await leader.campaign()
    const impatient = bench.open({ connectionTimeout: 20, requestTimeout: 40 })
    const elected = race.candidate('b', { ttl: 200 }, impatient).campaign()
    await bench.inLine(2)
    bench.faults.disconnect()
    await waitFor(() => bench.faults.sessions === 1, { what: 'its session to be gone' })
    bench.faults.reconnect()
    await bench.inLine(2)
    await leader.resign()
    await elected
    race.isSound()
  })

  it('campaigns from the midst of an outage on, and tells of what fails', async () => {
    await using bench = new LockBench()
    const impatient = bench.open({ connectionTimeout: 20, requestTimeout: 40 })
    const candidate = new Candidate(impatient, 'leader')
    const errors: unknown[] = []
    candidate.on('error', (error) => errors.push(error))
    bench.faults.disconnect()
    const elected = candidate.campaign()
    await waitFor(() => errors.length > 2, { what: 'errors' })
    bench.faults.reconnect()
    await elected
    expect(errors.every((error) => isLibkvError(error, 'NOT_REACHABLE'))).toBe(true)
    await candidate.stop()
    await bench.isClean()
  })

  it('rejects with what cannot heal', async () => {
    const driver = new ScriptedDriver().script('openSession', fails('ACCESS_DENIED'))
    const candidate = new Candidate(openStore(driver), 'leader')
    await expect(candidate.campaign()).rejects.toMatchObject({ code: 'ACCESS_DENIED' })
    await expect(candidate.run(untilOver)).rejects.toMatchObject({ code: 'ACCESS_DENIED' })
  })

  it('tries again, ever more rarely, when the server has an error of its own', async () => {
    const driver = new ScriptedDriver().script('openSession', fails('BACKEND_ERROR'))
    const runtime = new ManualRuntime()
    const candidate = new Candidate(openStore(driver, { runtime }), 'leader', { runtime })
    candidate.campaign().catch(() => undefined)
    await runtime.advance(100)
    const early = driver.of('openSession').length
    await runtime.advance(10_000)
    const tries = driver.of('openSession').length - early
    expect(early).toBeGreaterThan(1)
    expect(tries).toBeGreaterThan(9)
    expect(tries).toBeLessThan(25)
    await candidate.stop()
    await runtime.advance(10_000)
    expect(driver.of('openSession')).toHaveLength(early + tries)
  })

  it('says so when nobody could be told that it has resigned', async () => {
    await using bench = new LockBench()
    const store = bench.open({ connectionTimeout: 20, requestTimeout: 40 })
    const candidate = new Candidate(store, 'leader', { ttl: 300 })
    await candidate.campaign()
    bench.faults.disconnect()
    await expect(candidate.resign()).rejects.toMatchObject({ code: 'NOT_REACHABLE' })
    expect(candidate.isLeader()).toBe(false)
    bench.faults.reconnect()
    const next = new Candidate(bench.open(), 'leader')
    await next.campaign()
    await next.stop()
  })

  it('is stopped although no server answers', async () => {
    const driver = new ScriptedDriver().script('openSession', hangs)
    const candidate = new Candidate(openStore(driver), 'leader')
    const campaigning = candidate.campaign()
    campaigning.catch(() => undefined)
    await candidate.stop()
    await expect(campaigning).rejects.toMatchObject({ code: 'CLOSED' })
  })

  it('knows at once that its time is over, without any timer having fired', async () => {
    await using bench = new LockBench()
    const runtime = new ManualRuntime()
    const candidate = new Candidate(bench.open({ runtime }), 'leader', { ttl: 1_000, runtime })
    const term = await candidate.campaign()
    runtime.block(900)
    expect(candidate.isLeader()).toBe(true)
    runtime.setWallClock(24 * 3_600_000)
    expect(candidate.isLeader()).toBe(true)
    runtime.block(100)
    expect(candidate.isLeader()).toBe(false)
    expect(term.isCurrent()).toBe(false)
    expect(term.signal.reason).toMatchObject({ code: 'LOCK_LOST' })
  })
})

describe('many candidates', () => {
  it('never lead two at a time, in random programs with faults', async () => {
    const step = fc.record({
      fault: fc.constantFrom('none', 'lose', 'lose twice', 'refuse', 'cut', 'drop', 'delete'),
      act: fc.constantFrom('run', 'resign', 'transfer', 'stop'),
      who: fc.nat(4),
      whom: fc.nat(4),
      after: fc.nat(5),
    })
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 30 }), async (steps) => {
        await using bench = new LockBench()
        const race = new Race(bench)
        const { faults, outside } = bench
        const hurt: Record<string, () => unknown> = {
          lose: () => faults.loseAnswers(1),
          'lose twice': () => faults.loseAnswers(2),
          refuse: () => faults.refuse(2),
          drop: () => faults.dropSessions(),
          delete: () => outside.delete('app/leader').catch(() => undefined),
          cut: () => {
            faults.disconnect()
            setTimeout(() => {
              faults.reconnect()
            }, 3)
          },
        }
        const running: Promise<unknown>[] = []
        const field = ['0', '1', '2', '3', '4'].map((id) => race.candidate(id, { ttl: 20_000 }))
        for (const { fault, act, who, whom, after } of steps) {
          bench.beforeCall(1 + after, () => {
            hurt[fault]?.()
          })
          const one = field[who] as Candidate
          if (act === 'run') running.push(one.run(untilOver).catch(() => undefined))
          if (act === 'resign') one.resign().catch(() => undefined)
          if (act === 'transfer') one.transferTo(String(whom)).catch(() => undefined)
          if (act === 'stop' && who > 2) one.stop().catch(() => undefined)
          for (let i = 0; i <= whom; i++) await new Promise((resolve) => setImmediate(resolve))
          expect(field.filter((candidate) => candidate.isLeader()).length).toBeLessThan(2)
        }
        bench.beforeCall(0, () => undefined)
        faults.reset()
        await Promise.all(field.map((candidate) => candidate.stop().catch(() => undefined)))
        await Promise.all(running)
        const last = race.candidate('last')
        await last.campaign()
        await last.stop()
        await bench.inLine(0)
        race.isSound()
      }),
      { numRuns: runs(100) },
    )
  })
})
