import { afterEach, describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import { waitFor } from '@libkv/testing'
import { runs } from '@libkv/testing/backend-cases/runs'
import { check, put } from '../src/index.ts'
import type { HeldLock, LockContender, LockOptions, Store } from '../src/index.ts'
import { LockBench } from './lock-bench.ts'
import { refusal } from './outcome.ts'

/** Those who want one lock, by name, and who has it. */
class Contest {
  readonly bench: LockBench
  readonly #stores: Store[]
  readonly #waiting = new Map<string, AbortController>()
  readonly tokens: bigint[] = []
  /** Two who held at once. */
  readonly overlaps: string[][] = []
  holder: { readonly name: string; readonly held: HeldLock } | undefined
  /** Who gets the lock from now on gives it back at once. */
  isOver = false
  #count = 0

  constructor(bench: LockBench) {
    this.bench = bench
    this.#stores = [bench.open(), bench.open()]
  }

  store(index: number): Store {
    return this.#stores[index % this.#stores.length] as Store
  }

  /** Gets in line; every other one with a session that it was given. */
  async join(): Promise<string> {
    const name = `n${String(++this.#count)}`
    const kv = this.store(this.#count)
    const options: LockOptions =
      this.#count % 2 === 0 ? { session: await kv.session({ ttl: 60_000 }) } : { ttl: 60_000 }
    const controller = new AbortController()
    this.#waiting.set(name, controller)
    void kv
      .newLock('jobs', { ...options, value: name })
      .lock({ signal: controller.signal })
      .then(
        (held) => {
          if (this.isOver) {
            void held.unlock().catch(() => undefined)
            return
          }
          if (this.holder?.held.isHeld() === true) this.overlaps.push([this.holder.name, name])
          this.#waiting.delete(name)
          this.tokens.push(held.token)
          this.holder = { name, held }
        },
        () => this.#waiting.delete(name),
      )
    return name
  }

  quit(name: string): void {
    this.#waiting.get(name)?.abort(new Error('enough'))
  }

  contenders(): Promise<LockContender[]> {
    return this.store(0).newLock('jobs').contenders()
  }

  async order(): Promise<string[]> {
    return (await this.contenders()).map((one) => one.text())
  }

  async isOrdered(...names: string[]): Promise<void> {
    await waitFor(async () => String(await this.order()) === String(names), {
      what: `the line ${names.join()}`,
      every: 1,
    })
    const holds = (): boolean => {
      const isHeld = this.holder?.held.isHeld() === true
      return names[0] === undefined ? !isHeld : isHeld && this.holder?.name === names[0]
    }
    await waitFor(holds, { what: `${names[0] ?? 'nobody'} to hold the lock`, every: 1 })
  }

  /** There was one holder at a time, and the tokens grew. */
  isSound(): void {
    expect(this.overlaps).toEqual([])
    expect(this.tokens).toEqual([...new Set(this.tokens)].sort((a, b) => (a < b ? -1 : 1)))
  }

  async handOver(name?: string): Promise<void> {
    const successor = (await this.contenders()).find((one) => one.text() === name)
    await this.holder?.held.unlock({ successor })
  }
}

const contests: Contest[] = []
afterEach(async () => {
  for (const contest of contests.splice(0)) {
    contest.isOver = true
    await contest.bench[Symbol.asyncDispose]()
  }
})

/** So many are in line, and the first one holds. */
async function contestOf(size: number): Promise<Contest> {
  const bench = new LockBench()
  const contest = new Contest(bench)
  contests.push(contest)
  for (let i = 1; i <= size; i++) {
    await contest.join()
    await bench.inLine(i)
  }
  const isHeld = (): boolean => size === 0 || contest.holder !== undefined
  await waitFor(isHeld, { what: 'the first one to hold the lock', every: 1 })
  return contest
}

describe('a holder that names its successor', () => {
  it('lets it go first, and the others keep their order', async () => {
    const contest = await contestOf(5)
    await contest.handOver('n4')
    await contest.isOrdered('n4', 'n2', 'n3', 'n5')
    for (const rest of [['n2', 'n3', 'n5'], ['n3', 'n5'], ['n5'], []]) {
      await contest.holder?.held.unlock()
      await contest.isOrdered(...rest)
    }
    expect(await contest.bench.ownKeys()).toEqual([])
  })

  it('wakes it and the next in line alone', async () => {
    const contest = await contestOf(10)
    const successor = (await contest.contenders())[7]
    contest.bench.calls.length = 0
    await contest.holder?.held.unlock({ successor })
    await contest.isOrdered('n8', ...['n2', 'n3', 'n4', 'n5', 'n6', 'n7', 'n9', 'n10'])
    // The line, the transaction, the session; the one that was named, and the next one, look at the line; and it is taken.
    const calls = contest.bench.calls.filter((call) => call !== 'lock')
    expect(calls).toEqual(['unlock', 'close session'])
    expect(contest.bench.calls.filter((call) => call === 'lock').length).toBeLessThan(7)
  })

  it.each([
    ['the next in line', 'n2'],
    ['itself', 'n1'],
    ['nobody who is in line', 'n9'],
  ])('hands over as ever when that is %s', async (_what, name) => {
    const contest = await contestOf(3)
    await contest.handOver(name)
    await contest.isOrdered('n2', 'n3')
    expect(await contest.bench.ownKeys()).toHaveLength(2)
  })

  it('may be one that was named itself', async () => {
    const contest = await contestOf(6)
    await contest.handOver('n4')
    await contest.isOrdered('n4', 'n2', 'n3', 'n5', 'n6')
    await contest.handOver('n6')
    await contest.isOrdered('n6', 'n2', 'n3', 'n5')
    await contest.handOver('n5')
    await contest.isOrdered('n5', 'n2', 'n3')
    await contest.handOver('n2')
    await contest.isOrdered('n2', 'n3')
    expect(await contest.bench.ownKeys()).toHaveLength(2)
  })

  it('is followed by the next in line when its successor gives up in that moment', async () => {
    const contest = await contestOf(4)
    const handing = contest.handOver('n4')
    contest.quit('n4')
    await handing
    await contest.isOrdered('n2', 'n3')
    await contest.holder?.held.unlock()
    await contest.isOrdered('n3')
    expect(await contest.bench.ownKeys()).toHaveLength(1)
  })

  it('leaves the others bound to their sessions', async () => {
    const contest = await contestOf(4)
    await contest.handOver('n4')
    await contest.isOrdered('n4', 'n2', 'n3')
    const before = (await contest.contenders()).map(({ id }) => id)
    contest.bench.faults.dropSessions()
    const after = (await contest.contenders()).map(({ id }) => id)
    expect(after.filter((id) => before.includes(id))).toEqual([])
  })

  it('leaves what a stranger wrote to the key, which the successor takes away', async () => {
    const contest = await contestOf(3)
    await contest.bench.outside.put('app/jobs', 'graffiti')
    await contest.handOver('n3')
    await contest.isOrdered('n3', 'n2')
    expect(await contest.bench.shown('jobs')).toBe('n3')
  })

  it('does as in the model of a line, in random programs', async () => {
    const step = fc.oneof(
      fc.record({ type: fc.constant('join' as const) }),
      fc.record({ type: fc.constant('unlock' as const) }),
      fc.record({ type: fc.constant('handOver' as const), to: fc.nat() }),
      fc.record({ type: fc.constant('quit' as const), who: fc.nat() }),
    )
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 3, maxLength: 25 }), async (steps) => {
        const contest = await contestOf(3)
        let line = ['n1', 'n2', 'n3']
        for (const one of steps) {
          if (one.type === 'join') line.push(await contest.join())
          else if (one.type === 'unlock') {
            await contest.holder?.held.unlock()
            line = line.slice(1)
          } else if (one.type === 'handOver' && line.length > 0) {
            const chosen = line[one.to % line.length] as string
            await contest.handOver(chosen)
            line = line.slice(1)
            if (line.includes(chosen)) line = [chosen, ...line.filter((name) => name !== chosen)]
          } else if (one.type === 'quit' && line.length > 1) {
            const chosen = line[1 + (one.who % (line.length - 1))] as string
            contest.quit(chosen)
            line = line.filter((name) => name !== chosen)
          }
          await contest.isOrdered(...line)
        }
        contest.isSound()
        while (line.length > 0) {
          await contest.holder?.held.unlock()
          line.shift()
          await contest.isOrdered(...line)
        }
        expect(await contest.bench.ownKeys()).toEqual([])
        expect(await contest.bench.shown('jobs')).toBeUndefined()
      }),
      { numRuns: runs(150) },
    )
  })

  it('never makes two holders, whatever happens', async () => {
    const step = fc.record({
      fault: fc.constantFrom('none', 'lose', 'lose twice', 'refuse', 'cut', 'drop', 'wipe'),
      act: fc.constantFrom('join', 'unlock', 'handOver', 'quit', 'delete', 'scribble'),
      whom: fc.nat(12),
      after: fc.nat(6),
    })
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 25 }), async (steps) => {
        const contest = await contestOf(4)
        const { bench } = contest
        const { faults, outside } = bench
        const hurt = (fault: string): void => {
          if (fault === 'lose') faults.loseAnswers(1)
          if (fault === 'lose twice') faults.loseAnswers(2)
          if (fault === 'refuse') faults.refuse(2)
          if (fault === 'drop') faults.dropSessions()
          if (fault === 'wipe') void outside.deleteTree(bench.ownDirectory).catch(() => undefined)
          if (fault === 'cut') {
            faults.disconnect()
            setTimeout(() => {
              faults.reconnect()
            }, 3)
          }
        }
        for (const { fault, act, whom, after } of steps) {
          bench.beforeCall(1 + after, () => {
            hurt(fault)
          })
          if (act === 'join') void contest.join().catch(() => undefined)
          if (act === 'unlock') void contest.holder?.held.unlock().catch(() => undefined)
          if (act === 'handOver') void contest.handOver(`n${String(whom)}`).catch(() => undefined)
          if (act === 'quit') contest.quit(`n${String(whom)}`)
          if (act === 'delete') void outside.delete('app/jobs').catch(() => undefined)
          if (act === 'scribble') void outside.put('app/jobs', 'graffiti').catch(() => undefined)
          for (let i = 0; i < 1 + (whom % 4); i++) await turn()
        }
        bench.beforeCall(0, () => undefined)
        faults.reset()
        contest.isOver = true
        for (let i = 1; i < 40; i++) contest.quit(`n${String(i)}`)
        await contest.holder?.held.unlock().catch(() => undefined)
        const last = await bench.open().newLock('jobs', { value: 'last' }).lock({ timeout: 5_000 })
        expect(await bench.shown('jobs')).toBe('last')
        await last.unlock()
        // Holders that were told late, and those with sessions that live on, have left as well.
        await bench.inLine(0)
        contest.isSound()
      }),
      { numRuns: runs(150) },
    )
  })
})

describe('the key of a lock that is held', () => {
  it('has the token as its create revision, and is what pair says', async () => {
    const contest = await contestOf(1)
    const held = contest.holder?.held as HeldLock
    const pair = await contest.store(0).get('jobs')
    expect(pair?.createRevision).toBe(held.token)
    expect(pair).toEqual(held.pair)
  })

  it('is a condition that fails after the hand-over', async () => {
    const contest = await contestOf(2)
    const held = contest.holder?.held as HeldLock
    const { pair } = held
    const kv = contest.store(0)
    await kv.transaction([check('jobs', pair), put('result', '1')])
    await held.unlock()
    await contest.isOrdered('n2')
    await refusal(kv.transaction([check('jobs', pair), put('result', '2')]), 'TRANSACTION_FAILED')
    expect((await kv.get('result'))?.text()).toBe('1')
  })

  it('shows another value after an update, with the same token', async () => {
    const contest = await contestOf(1)
    const held = contest.holder?.held as HeldLock
    const before = held.pair
    const after = await held.update('changed')
    expect(after).toBe(held.pair)
    expect(await contest.bench.shown('jobs')).toBe('changed')
    expect(after.createRevision).toBe(held.token)
    expect(after.revision).toBeGreaterThan(before.revision)
    expect(held.isHeld()).toBe(true)
    await held.unlock()
    expect(await contest.bench.shown('jobs')).toBeUndefined()
  })

  it.each(['loseAnswers', 'refuse'] as const)(
    'is updated once when it has to %s',
    async (fault) => {
      const contest = await contestOf(1)
      const held = contest.holder?.held as HeldLock
      contest.bench.faults[fault](2)
      await held.update('changed')
      expect(await contest.store(0).get('jobs')).toEqual(held.pair)
    },
  )

  it('is updated over what a stranger wrote', async () => {
    const contest = await contestOf(1)
    await contest.bench.outside.put('app/jobs', 'graffiti')
    const held = contest.holder?.held as HeldLock
    await held.update('mine')
    expect(await contest.bench.shown('jobs')).toBe('mine')
    contest.bench.faults.dropSessions()
    expect(await contest.bench.shown('jobs')).toBeUndefined()
  })

  it('is not updated when the lock is lost', async () => {
    const contest = await contestOf(1)
    const held = contest.holder?.held as HeldLock
    await contest.bench.outside.delete('app/jobs')
    await contest.bench.outside.put('app/jobs', 'graffiti')
    await refusal(held.update('mine'), 'LOCK_LOST')
    expect(held.isHeld()).toBe(false)
    expect(await contest.bench.shown('jobs')).toBe('graffiti')
  })

  it('is not updated when the session ended without our knowing', async () => {
    await using bench = new LockBench()
    const kv = bench.open()
    const held = await kv.newLock('jobs', { ttl: 60_000 }).lock()
    bench.faults.disconnect()
    bench.faults.dropSessions()
    const updating = refusal(held.update('mine'), 'LOCK_LOST')
    bench.faults.reconnect()
    await updating
    expect(held.isHeld()).toBe(false)
  })
})

it('has nobody in line after the last one', async () => {
  const contest = await contestOf(1)
  expect(await contest.order()).toEqual(['n1'])
  await contest.holder?.held.unlock()
  expect(await contest.order()).toEqual([])
})

/** Lets everything run that can run without time going by. */
function turn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve)
  })
}
