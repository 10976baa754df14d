import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { spawn } from 'node:child_process'
import { startServers } from '../../../tooling/servers/index.ts'
import type { Servers } from '../../../tooling/servers/index.ts'

describe('a process with a store on Consul', () => {
  let servers: Servers<'consul'>
  beforeAll(async () => {
    servers = await startServers('consul')
  })
  afterAll(async () => {
    await servers[Symbol.asyncDispose]()
  })

  /** Runs a program, and says how long it lived on after it printed `closed`. */
  function run(body: string): Promise<{ code: number | null; lingered: number; output: string }> {
    const program = `
      import { consul } from '@libkv/consul'
      const kv = consul(${JSON.stringify(servers.endpoints)})
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
        resolve({ code, lingered: performance.now() - closedAt, output })
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
  })

  it('ends by itself after close when nothing was ever asked', async () => {
    const { code } = await run('await kv.close()')
    expect(code).toBe(0)
  })
})
