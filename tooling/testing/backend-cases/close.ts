import { describe, expect, it } from '@jest/globals'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import type { Store } from '@libkv/core'
import { WAIT_TIMEOUT, waitFor } from '../wait-for.ts'
import { FaultProxy } from '../servers/index.ts'
import type { BackendUnderTest } from './backend-under-test.ts'
import { runningServers } from './running-servers.ts'

/** What a store leaves behind in its process and at its server. */
export function closeCases({ backend, openAt }: BackendUnderTest): void {
  describe('a process with a store', () => {
    const servers = runningServers(backend)

    /** Runs a program that closes a store, and returns its exit code and what could have kept it from its end after that. */
    async function run(body: string): Promise<{ code: number | null; timers: string }> {
      const program = `
        import { ${backend} } from '@libkv/${backend}'
        const kv = ${backend}(${JSON.stringify(servers().endpoints)})
        ${body}
        const timers = () => process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length
        for (let turns = 0; turns < 100 && timers() > 0; turns++) await new Promise(setImmediate)
        console.log(timers())`
      const child = spawn(
        process.execPath,
        ['--conditions=@libkv/source', '--import', 'tsx', '--input-type=module', '--eval', program],
        { stdio: ['ignore', 'pipe', 'inherit'], timeout: WAIT_TIMEOUT, killSignal: 'SIGKILL' },
      )
      let timers = ''
      child.stdout.setEncoding('utf8').on('data', (text: string) => (timers += text.trim()))
      const [code] = (await once(child, 'close')) as [number | null]
      return { code, timers }
    }

    it('ends by itself after close, with watches, sessions and locks open', async () => {
      const outcome = await run(`
        const watch = kv.watch('a')[Symbol.asyncIterator]()
        await watch.next()
        const session = await kv.session()
        await kv.put('bound', 'x', { session })
        await kv.newLock('lock').lock()
        void kv.newLock('lock').lock().catch(() => undefined)
        await kv.close()`)
      expect(outcome).toEqual({ code: 0, timers: '0' })
    })

    it('ends by itself after close when nothing was ever asked', async () => {
      expect(await run('await kv.close()')).toEqual({ code: 0, timers: '0' })
    })

    it('has no connection left after close', async () => {
      await using proxy = await FaultProxy.to(servers().endpoints[0] ?? '')
      const kv = openAt([proxy.endpoint])
      await busy(kv)
      expect(proxy.stats.clients).toBeGreaterThan(0)
      await kv.close()
      // The store's half: a server may keep its own until it has answered.
      await waitFor(() => proxy.stats.clients === 0, { what: 'the connections to go' })
    })
  })
}

/** Has the store do a bit of everything that lasts. */
async function busy(kv: Store): Promise<void> {
  await kv.watch('watched')[Symbol.asyncIterator]().next()
  await kv.watchTree('watched')[Symbol.asyncIterator]().next()
  const session = await kv.session()
  await kv.put('busy', 'x', { session })
  await kv.newLock('busy-lock').lock()
}
