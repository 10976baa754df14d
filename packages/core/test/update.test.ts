import { getEventListeners } from 'node:events'
import { memory, memoryFaults } from '@libkv/memory'
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals'
import { openStore } from '../src/driver.ts'
import { update } from '../src/index.ts'
import type { KVPair, Store } from '../src/index.ts'
import { ManualRuntime, turn } from './manual-runtime.ts'
import { Outcome, refusal } from './outcome.ts'
import { answers, committed, entryOf, losesAnswer, ScriptedDriver } from './scripted-driver.ts'

const increment = (pair: KVPair | null): string => String(Number(pair?.text() ?? 0) + 1)

describe('update()', () => {
  let kv: Store
  let count = 0
  const faults = (): ReturnType<typeof memoryFaults> => memoryFaults(`update-${String(count)}`)

  beforeEach(() => {
    kv = memory([`update-${String(++count)}`])
  })
  afterEach(() => kv.close())

  it('creates a key and changes it', async () => {
    expect((await update(kv, 'n', increment))?.text()).toBe('1')
    expect((await update(kv, 'n', increment))?.text()).toBe('2')
    expect((await kv.get('n'))?.text()).toBe('2')
  })

  it('loses no change of many who write at once', async () => {
    await Promise.all(Array.from({ length: 25 }, () => update(kv, 'n', increment)))
    expect((await kv.get('n'))?.text()).toBe('25')
  })

  it('leaves the key alone when there is nothing to change', async () => {
    expect(await update(kv, 'n', () => undefined)).toBeNull()
    const pair = await kv.put('n', '1')
    expect((await update(kv, 'n', () => Promise.resolve(undefined)))?.revision).toBe(pair.revision)
  })

  it('sees the latest state at each try, also that the key has gone or come', async () => {
    const seen: (string | undefined)[] = []
    const meddling = [() => kv.put('n', 'x'), () => kv.delete('n'), () => kv.put('n', 'y')]
    const pair = await update(kv, 'n', async (current) => {
      seen.push(current?.text())
      await meddling.shift()?.()
      return `${current?.text() ?? ''}!`
    })
    expect(seen).toEqual([undefined, 'x', undefined, 'y'])
    expect(pair?.text()).toBe('y!')
  })

  it('writes with the options it was given', async () => {
    await using session = await kv.session()
    await update(kv, 'n', increment, { session })
    await session.close()
    expect(await kv.get('n')).toBeNull()
  })

  it('throws what the change throws, and writes nothing', async () => {
    const bug = new Error('a bug')
    const change = (): never => {
      throw bug
    }
    await expect(update(kv, 'n', change)).rejects.toBe(bug)
    expect(await kv.exists('n')).toBe(false)
  })

  it('does not repeat a write that may have happened', async () => {
    let calls = 0
    const error = await refusal(
      update(kv, 'n', (pair) => {
        calls++
        faults().loseAnswers(1)
        return increment(pair)
      }),
      'NOT_REACHABLE',
    )
    expect(error.ambiguous).toBe(true)
    expect(calls).toBe(1)
    expect((await kv.get('n'))?.text()).toBe('1')
  })
})

describe('update() against others who are always faster', () => {
  const conflict = { committed: false, failed: 0, current: entryOf('n', '7', 9n) } as const
  let runtime: ManualRuntime
  let driver: ScriptedDriver
  let kv: Store

  beforeEach(() => {
    runtime = new ManualRuntime()
    driver = new ScriptedDriver().script('commit', answers(conflict))
    driver.script('read', answers(entryOf('n', '1', 2n)))
    kv = openStore(driver, { runtime })
  })
  afterEach(async () => {
    expect(await runtime.leftTimers()).toBe(0)
  })

  it('tries again at once at first, with what the conflict told, and then after longer and longer pauses', async () => {
    const moments: number[] = []
    const outcome = new Outcome(
      update(
        kv,
        'n',
        (pair) => {
          moments.push(runtime.now())
          return increment(pair)
        },
        { runtime, attempts: 12 },
      ),
    )
    await turn()
    // The first conflict said what the key holds now, so it was not read again.
    expect([moments.length, driver.of('read').length]).toEqual([2, 1])
    await runtime.advance(10_000)
    expect(outcome.error).toMatchObject({ code: 'KEY_MODIFIED' })
    const pauses = moments.slice(1).map((moment, i) => moment - (moments[i] ?? 0))
    expect(pauses).toEqual([0, 3.75, 7.5, 15, 30, 60, 120, 187.5, 187.5, 187.5, 187.5])
  })

  it('throws the last conflict when its attempts are used up', async () => {
    const error = await refusal(
      update(kv, 'n', increment, { runtime, attempts: 1 }),
      'KEY_MODIFIED',
    )
    expect(error.current?.text()).toBe('7')
    expect(driver.of('commit')).toHaveLength(1)
  })

  it('ends with the reason of the signal while it pauses, and nothing listens any more', async () => {
    const controller = new AbortController()
    const { signal } = controller
    const outcome = new Outcome(update(kv, 'n', increment, { runtime, signal }))
    await runtime.advance(1)
    // The pause, and the store's own for the deadlines of its calls.
    expect(runtime.pendingTimers).toBe(2)
    const reason = new Error('no longer interested')
    controller.abort(reason)
    await turn()
    expect(outcome.error).toBe(reason)
    expect(getEventListeners(signal, 'abort')).toHaveLength(0)
  })

  it('throws an error that is no conflict at once', async () => {
    driver.script('commit', losesAnswer, answers(committed()))
    await refusal(update(kv, 'n', increment, { runtime }), 'NOT_REACHABLE')
    expect(driver.of('commit')).toHaveLength(1)
  })
})
