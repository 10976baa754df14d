import { beforeEach, describe, expect, it } from '@jest/globals'
import { LibkvError } from '@libkv/core'
import type { Call, CommitOutcome, Write } from '@libkv/core/driver'
import { ManualClock } from '@libkv/memory'
import { KeyLifetimes } from '../src/consul-lifetimes.ts'
import type { ConsulSession, ConsulSessions } from '../src/consul-session.ts'

const TTL = 1_000
const writes: readonly Write[] = [{ type: 'put', key: 'a', value: new Uint8Array(1), ttl: TTL }]
const committed: CommitOutcome = { committed: true, revision: 7n, results: [] }
const call = { settled: false } as Call
const expired = (): never => {
  throw new LibkvError('SESSION_EXPIRED', 'the session is gone')
}

describe('the session of a key with a time to live, on slow servers', () => {
  let clock: ManualClock
  let lifetimes: KeyLifetimes
  let renew: () => Promise<void>
  let opened: number
  let destroyed: string[]
  beforeEach(() => {
    clock = new ManualClock(0)
    opened = 0
    destroyed = []
    renew = () => Promise.resolve()
    const sessions = {
      create: (lifetime: number) =>
        Promise.resolve({ id: String(++opened), ttl: lifetime / 2, renew: () => renew() }),
      destroy: ({ id }: ConsulSession) => destroyed.push(id),
    }
    lifetimes = new KeyLifetimes(sessions as unknown as ConsulSessions, clock)
  })

  const after = async <T>(time: number, result: () => T): Promise<T> => {
    await clock.advance(time)
    return result()
  }

  it('is opened again when it was over before the commit', async () => {
    const used: (string | undefined)[] = []
    const outcome = await lifetimes.commit(writes, call, ([session]) => {
      used.push(session?.id)
      return used.length === 1 ? after(5_000, expired) : Promise.resolve(committed)
    })
    expect(outcome).toBe(committed)
    expect(used).toEqual(['1', '2'])
    expect(destroyed).toEqual(['1'])
  })

  it('is not opened again when another session of the commit is over', async () => {
    const commit = lifetimes.commit(writes, call, () => after(10, expired))
    await expect(commit).rejects.toMatchObject({ code: 'SESSION_EXPIRED' })
    expect(opened).toBe(1)
  })

  it('is renewed when the commit took long', async () => {
    let renewals = 0
    renew = async () => void renewals++
    await lifetimes.commit(writes, call, () => after(1_500, () => committed))
    expect(renewals).toBe(1)
  })

  it('may be over when the commit is answered, for the key has had its time', async () => {
    renew = async () => expired()
    expect(await lifetimes.commit(writes, call, () => after(5_000, () => committed))).toBe(
      committed,
    )
  })
})
