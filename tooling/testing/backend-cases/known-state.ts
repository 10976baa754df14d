import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { BackgroundCall, systemRuntime } from '@libkv/core/driver'
import type { Driver, Entry, Observer, Write } from '@libkv/core/driver'
import type { Backend } from '../servers/index.ts'
import { waitFor } from '../wait-for.ts'
import { runningServers } from './running-servers.ts'

/** Feeds of keys of which the observer knows something already, which need not be so any more. */
export function knownStateCases(
  backend: Backend,
  open: (addresses: readonly string[]) => Driver,
): void {
  describe('a feed that begins with what its observer knows', () => {
    const servers = runningServers(backend)
    let driver: Driver
    beforeAll(() => {
      driver = open(servers().endpoints)
    })
    afterAll(() => driver.close())

    async function commit(write: Write): Promise<Entry> {
      const call = new BackgroundCall({
        runtime: systemRuntime,
        requestTimeout: 10_000,
        connectionTimeout: 5_000,
      })
      const outcome = await driver.commit([], [write], call)
      call.done()
      if (!outcome.committed) throw new Error('there was nothing to check')
      const { revision } = outcome
      const value = write.type === 'put' ? write.value : new Uint8Array()
      const createRevision = outcome.results[0]?.createRevision ?? 0n
      return { key: write.key, value, revision, createRevision }
    }
    const put = (key: string, text: string): Promise<Entry> =>
      commit({ type: 'put', key, value: Buffer.from(text) })

    /** The texts that are told, `null` for none. */
    function told(known: Entry): (string | null)[] {
      const states: (string | null)[] = []
      const take = (entry?: Entry): void => {
        states.push(entry === undefined ? null : Buffer.from(entry.value).toString())
      }
      const observer: Observer = {
        snapshot: ([entry]) => take(entry),
        changes: (changes) => {
          for (const change of changes) take(change.type === 'put' ? change.entry : undefined)
        },
        fail: (error) => states.push(String(error)),
      }
      driver.observe({ key: known.key, known }, observer)
      return states
    }
    const ends = (states: (string | null)[], last: string | null): Promise<unknown> =>
      waitFor(() => states.at(-1) === last, { what: `${String(last)} to be told` })

    it('tells that first, and then what comes', async () => {
      const states = told(await put('same', '1'))
      await ends(states, '1')
      await put('same', '2')
      await ends(states, '2')
      await commit({ type: 'delete', key: 'same' })
      await ends(states, null)
      expect(states).toEqual(['1', '2', null])
    })

    it('tells what it has become since', async () => {
      const known = await put('written', '1')
      await put('written', '2')
      await ends(told(known), '2')
    })

    it('tells that it is gone since', async () => {
      const known = await put('deleted', '1')
      await commit({ type: 'delete', key: 'deleted' })
      await ends(told(known), null)
    })

    it('tells that it was made anew since', async () => {
      const known = await put('anew', '1')
      await commit({ type: 'delete', key: 'anew' })
      await put('anew', '2')
      const states = told(known)
      await ends(states, '2')
      await commit({ type: 'delete', key: 'anew' })
      await ends(states, null)
    })
  })
}
