import { beforeEach, describe, expect, it } from '@jest/globals'
import { BackgroundWork, Leases, TtlByLease } from '../src/driver.ts'
import type { Call, CommitOutcome, DriverSession, Write } from '../src/driver.ts'
import { LibkvError } from '../src/index.ts'
import { ManualRuntime, turn } from './manual-runtime.ts'

const TTL = 1_000
const MARGIN = 250
const put = (key: string, ttl?: number): Write => ({
  type: 'put',
  key,
  value: new Uint8Array(1),
  ttl,
})
const committed: CommitOutcome = { committed: true, revision: 7n, results: [] }
const call = { settled: false } as Call
const fails =
  (code: 'SESSION_EXPIRED' | 'NOT_REACHABLE', ambiguous = false) =>
  (): never => {
    throw new LibkvError(code, 'scripted', { retryable: true, ambiguous })
  }

describe('a time to live by leases', () => {
  let runtime: ManualRuntime
  let granted: { readonly id: string; readonly ttl: number }[]
  let revoked: string[]
  let renewed: string[]
  let renew: () => void
  let grant: () => void
  beforeEach(() => {
    runtime = new ManualRuntime()
    granted = []
    revoked = []
    renewed = []
    renew = grant = () => undefined
  })

  function ttlByLease(share: boolean): TtlByLease<DriverSession> {
    const timing = { runtime, requestTimeout: 10_000, connectionTimeout: 1_000 }
    const source = {
      grant: async (ttl: number): Promise<DriverSession> => {
        grant()
        const id = String(granted.length + 1)
        granted.push({ id, ttl })
        return {
          id,
          ttl,
          renew: async () => {
            renewed.push(id)
            renew()
          },
          close: async () => void revoked.push(id),
        }
      },
      revokeLost: () => Promise.resolve(),
    }
    const leases = new Leases(source, new BackgroundWork(timing), runtime)
    return new TtlByLease(leases, { runtime, margin: MARGIN, share })
  }

  const after = async <T>(ms: number, result: () => T): Promise<T> => {
    await runtime.advance(ms)
    return result()
  }

  it('binds each write with a ttl to a lease that lasts a little longer', async () => {
    const writes = [put('a', TTL), put('b'), put('c', TTL), put('d', 2 * TTL)]
    const used: unknown[] = []
    const commit = (leases: readonly (DriverSession | undefined)[]): Promise<CommitOutcome> => {
      used.push(leases.map((lease) => lease?.id))
      return Promise.resolve(committed)
    }
    await ttlByLease(true).commit(writes, call, commit)
    expect(granted.map(({ ttl }) => ttl)).toEqual([TTL + MARGIN, 2 * TTL + MARGIN])
    await ttlByLease(false).commit(writes, call, commit)
    expect(used).toEqual([
      ['1', undefined, '1', '2'],
      ['3', undefined, '4', '5'],
    ])
    expect(revoked).toEqual([])
  })

  it('revokes the leases of a commit that was refused or failed', async () => {
    const refused: CommitOutcome = { committed: false, failed: 0 }
    const ttl = ttlByLease(true)
    expect(await ttl.commit([put('a', TTL)], call, async () => refused)).toBe(refused)
    await expect(
      ttl.commit([put('a', TTL)], call, async () => fails('NOT_REACHABLE')()),
    ).rejects.toThrow()
    await turn()
    expect(revoked).toEqual(['1', '2'])
  })

  it('keeps the lease of an ambiguous commit, because its key may exist', async () => {
    const commit = ttlByLease(true).commit([put('a', TTL)], call, async () =>
      fails('NOT_REACHABLE', true)(),
    )
    await expect(commit).rejects.toMatchObject({ ambiguous: true })
    await turn()
    expect(revoked).toEqual([])
  })

  it('revokes the leases that were granted when another one was not', async () => {
    let grants = 0
    grant = () => {
      if (++grants === 2) fails('NOT_REACHABLE')()
    }
    const commit = ttlByLease(false).commit(
      [put('a', TTL), put('b', TTL)],
      call,
      async () => committed,
    )
    await expect(commit).rejects.toMatchObject({ code: 'NOT_REACHABLE' })
    await turn()
    expect(revoked).toEqual(['1'])
  })

  it('renews after a commit that took longer than the margin', async () => {
    const ttl = ttlByLease(true)
    await ttl.commit([put('a', TTL)], call, () => after(MARGIN - 1, () => committed))
    expect(renewed).toEqual([])
    await ttl.commit([put('a', TTL)], call, () => after(MARGIN + 1, () => committed))
    expect(renewed).toEqual(['2'])
  })

  it('succeeds when the key has expired before the answer', async () => {
    renew = fails('SESSION_EXPIRED')
    const commit = ttlByLease(true).commit([put('a', TTL)], call, () =>
      after(5_000, () => committed),
    )
    expect(await commit).toBe(committed)
  })

  it('commits again with a new lease when the first one expired before the commit', async () => {
    const used: (string | undefined)[] = []
    const outcome = await ttlByLease(true).commit([put('a', TTL)], call, ([lease]) => {
      used.push(lease?.id)
      return used.length === 1 ? after(5_000, fails('SESSION_EXPIRED')) : Promise.resolve(committed)
    })
    expect(outcome).toBe(committed)
    expect(used).toEqual(['1', '2'])
    expect(revoked).toEqual(['1'])
  })

  it('fails when another session of the commit has expired', async () => {
    const commit = ttlByLease(true).commit([put('a', TTL)], call, () =>
      after(10, fails('SESSION_EXPIRED')),
    )
    await expect(commit).rejects.toMatchObject({ code: 'SESSION_EXPIRED' })
    expect(granted).toHaveLength(1)
  })
})
