import { beforeEach, describe, expect, it } from '@jest/globals'
import { BackgroundCall, BackgroundWork, Leases } from '../src/driver.ts'
import type { Call, DriverSession } from '../src/driver.ts'
import { LibkvError } from '../src/index.ts'
import { ManualRuntime, turn } from './manual-runtime.ts'

describe('leases', () => {
  let runtime: ManualRuntime
  let background: BackgroundWork
  let leases: Leases<DriverSession>
  let names: string[]
  let revoked: string[]
  let answer: (call: Call) => Promise<DriverSession>
  const timing = (): ConstructorParameters<typeof BackgroundCall>[0] => ({
    runtime,
    requestTimeout: 10_000,
    connectionTimeout: 1_000,
  })
  const lease: DriverSession = {
    id: 'lease',
    ttl: 1_000,
    renew: () => Promise.resolve(),
    close: async () => void revoked.push('lease'),
  }
  beforeEach(() => {
    runtime = new ManualRuntime()
    background = new BackgroundWork(timing())
    names = []
    revoked = []
    answer = () => Promise.resolve(lease)
    leases = new Leases(
      {
        grant: (_ttl, name, call) => {
          names.push(name)
          return answer(call)
        },
        revokeLost: async (name) => void revoked.push(name),
      },
      background,
      runtime,
    )
  })

  it('are granted', async () => {
    expect(await leases.grant(1_000, new BackgroundCall(timing()))).toBe(lease)
    await turn()
    expect(revoked).toEqual([])
  })

  it('are revoked when the answer comes after the caller has given up', async () => {
    let grant: (lease: DriverSession) => void = () => undefined
    answer = () => new Promise((resolve) => (grant = resolve))
    const call = new BackgroundCall(timing())
    void leases.grant(1_000, call)
    call.cancel()
    grant(lease)
    await turn()
    expect(revoked).toEqual(['lease'])
  })

  it('are revoked by name when the answer is lost, and the caller may ask for another one', async () => {
    answer = () =>
      Promise.reject(new LibkvError('NOT_REACHABLE', 'lost', { retryable: true, ambiguous: true }))
    const grant = leases.grant(1_000, new BackgroundCall(timing()))
    await expect(grant).rejects.toMatchObject({ retryable: true, ambiguous: false })
    await turn()
    expect(revoked).toEqual(names)
  })

  it('that were certainly not granted are not revoked', async () => {
    answer = () => Promise.reject(new LibkvError('NOT_REACHABLE', 'refused', { retryable: true }))
    await expect(leases.grant(1_000, new BackgroundCall(timing()))).rejects.toThrow('refused')
    await turn()
    expect(revoked).toEqual([])
  })

  it('are requested under a deadline of their own', async () => {
    answer = (call) =>
      new Promise((_resolve, reject) => {
        call.onCancel(() => {
          reject(new LibkvError('TIMEOUT', 'too late'))
        })
      })
    const grant = leases.grant(1_000, new BackgroundCall({ ...timing(), requestTimeout: 1e9 }))
    const outcome = expect(grant).rejects.toThrow('too late')
    await runtime.advance(10_000)
    await outcome
  })
})

describe('background work', () => {
  it('is drained, at the latest after the connection timeout', async () => {
    const runtime = new ManualRuntime()
    const work = new BackgroundWork({ runtime, requestTimeout: 10_000, connectionTimeout: 1_000 })
    let finish: () => void = () => undefined
    work.start(() => new Promise<void>((resolve) => (finish = resolve)))
    work.start(() => Promise.reject(new Error('nobody hears of it')))
    let isDrained = false
    const draining = work.drain().then(() => (isDrained = true))
    await turn()
    expect(isDrained).toBe(false)
    finish()
    await draining
    work.start(() => new Promise(() => undefined))
    const limited = work.drain()
    await runtime.advance(1_000)
    await limited
  })

  it('waits for work that begins while it is drained', async () => {
    const runtime = new ManualRuntime()
    const work = new BackgroundWork({ runtime, requestTimeout: 10_000, connectionTimeout: 1_000 })
    const done: string[] = []
    work.start(async () => {
      await turn()
      work.start(async () => {
        await turn()
        done.push('second')
      })
      done.push('first')
    })
    await work.drain()
    expect(done).toEqual(['first', 'second'])
  })
})
