import { describe, expect, it } from '@jest/globals'
import { spawn } from 'node:child_process'
import type { Store } from '@libkv/core'
import { FaultProxy, waitFor } from '../servers/index.ts'
import type { BackendUnderTest } from './backend-under-test.ts'
import { runningServers } from './running-servers.ts'

/** What a store leaves behind in its process and at its server. */
export function closeCases({ backend, openAt }: BackendUnderTest): void {
  describe('a process with a store', () => {
    const servers = runningServers(backend)

    /** Runs a program, and says how long it lived on after it printed `closed`. */
    function run(body: string): Promise<{ code: number | null; lingered: number }> {
      const program = `
        import { ${backend} } from '@libkv/${backend}'
        const kv = ${backend}(${JSON.stringify(servers().endpoints)})
        ${body}
        console.log('closed')`
      const child = spawn(
        process.execPath,
        ['--conditions=@libkv/source', '--import', 'tsx', '--input-type=module', '--eval', program],
        { stdio: ['ignore', 'pipe', 'inherit'] },
      )
      return new Promise((resolve) => {
        let closedAt = Infinity
        let output = ''
        child.stdout.on('data', (data: Buffer) => {
          output += data.toString()
          if (output.includes('closed')) closedAt = performance.now()
        })
        const limit = setTimeout(() => child.kill('SIGKILL'), 15_000)
        child.on('exit', (code) => {
          clearTimeout(limit)
          resolve({ code, lingered: performance.now() - closedAt })
        })
      })
    }

    it('ends by itself after close, with watches, sessions and locks open', async () => {
      const { code, lingered } = await run(`
        const watch = kv.watch('a')[Symbol.asyncIterator]()
        await watch.next()
        const session = await kv.session()
        await kv.put('bound', 'x', { session })
        await kv.newLock('lock').lock()
        void kv.newLock('lock').lock().catch(() => undefined)
        await kv.close()`)
      expect(code).toBe(0)
      expect(lingered).toBeLessThan(1_000)
      expect(lingered).toBeGreaterThan(0)
    })

    it('ends by itself after close when nothing was ever asked', async () => {
      const { code } = await run('await kv.close()')
      expect(code).toBe(0)
    })

    it('has no connection left after close', async () => {
      await using proxy = await FaultProxy.to(servers().endpoints[0] ?? '')
      const kv = openAt([proxy.endpoint])
      await busy(kv)
      expect(proxy.stats.open).toBeGreaterThan(0)
      await kv.close()
      await waitFor(() => proxy.stats.open === 0, { what: 'the connections to go', timeout: 1_000 })
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
