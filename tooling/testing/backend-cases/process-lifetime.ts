import { afterEach, describe, expect, it } from '@jest/globals'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'
import type { Store } from '@libkv/core'
import type { BackendUnderTest } from './backend-under-test.ts'
import { runningServers } from './running-servers.ts'

/** What a program prints while it runs: an unref'd timer prints `held` and releases; `free` is printed when nothing is left to do. */
interface Run {
  readonly code: number | null
  readonly printed: readonly string[]
}

/** Runs a program with a store that it never closes. */
async function run(
  backend: string,
  addresses: readonly string[],
  start: string,
  release = '',
): Promise<Run> {
  const program = `
    import * as backend from '@libkv/${backend}'
    process.on('beforeExit', () => console.log('free'))
    const kv = backend.${backend}(${JSON.stringify(addresses)})
    ${start}
    setTimeout(async () => {
      console.log('held')
      ${release}
    }, 2_000).unref()`
  const child = spawn(
    process.execPath,
    ['--conditions=@libkv/source', '--import', 'tsx', '--input-type=module', '--eval', program],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  )
  let output = ''
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => (output += chunk))
  const limit = setTimeout(() => child.kill('SIGKILL'), 50_000)
  const [code] = (await once(child, 'close')) as [number | null]
  clearTimeout(limit)
  return { code, printed: output.trim().split('\n') }
}

/** The process waits for the release, and then ends by itself. */
const HELD: Run = { code: 0, printed: ['held', 'free'] }
const FREE: Run = { code: 0, printed: ['free'] }

/**
 * The rule on a backend: an idle store does not keep a process alive; an open watch, a session, a lock and a call in flight
 * do.
 *
 * @param open - opens a store in this process, for a lock that the program waits for; undefined for data that is per process.
 */
export function lifetimeCases(
  backend: string,
  addresses: () => readonly string[],
  open?: () => Store,
): void {
  describe('a process with a store that is not closed', () => {
    it('ends while the store is idle', async () => {
      const start = `
        await kv.put('a', 'tea', { ttl: 3_600_000 })
        await kv.get('a')
        await kv.list('')`
      expect(await run(backend, addresses(), start)).toEqual(FREE)
    })

    it('is kept alive by an open watch', async () => {
      const start = `
        const states = kv.watch('a')[Symbol.asyncIterator]()
        await states.next()`
      expect(await run(backend, addresses(), start, 'await states.return()')).toEqual(HELD)
    })

    it('is kept alive by a session', async () => {
      const start = 'const session = await kv.session()'
      expect(await run(backend, addresses(), start, 'await session.close()')).toEqual(HELD)
    })

    it('is kept alive by a held lock', async () => {
      const start = "const held = await kv.newLock('held').lock()"
      expect(await run(backend, addresses(), start, 'await held.unlock()')).toEqual(HELD)
    })

    if (open === undefined) return

    it('is kept alive by a lock that it waits for', async () => {
      await using kv = open()
      await kv.newLock('awaited').lock()
      const start = `
        const controller = new AbortController()
        const waiting = kv.newLock('awaited').lock({ signal: controller.signal }).catch(() => {})`
      const release = 'controller.abort(); await waiting'
      expect(await run(backend, addresses(), start, release)).toEqual(HELD)
    })

    it('is kept alive by a watch whose server is away', async () => {
      const start = "const states = kv.watch('a')[Symbol.asyncIterator](); void states.next()"
      expect(await run(backend, ['127.0.0.1:1'], start, 'await states.return()')).toEqual(HELD)
    })

    describe('of a server that never answers', () => {
      const sockets: Socket[] = []
      afterEach(() => {
        for (const socket of sockets) socket.destroy()
      })

      it('is kept alive by a call in flight', async () => {
        const server = createServer((socket) => sockets.push(socket)).listen(0, '127.0.0.1')
        await once(server, 'listening')
        const { port } = server.address() as AddressInfo
        const start = `
          const failure = await kv.get('a', { timeout: 1_000 }).catch((error) => error.code)
          console.log(failure === 'TIMEOUT' || failure === 'NOT_REACHABLE')`
        const { code, printed } = await run(backend, [`127.0.0.1:${String(port)}`], start)
        server.close()
        expect({ code, printed: printed[0] }).toEqual({ code: 0, printed: 'true' })
      })
    })
  })
}

/** {@link lifetimeCases} on a server. */
export function processLifetimeCases({ backend, openAt }: BackendUnderTest): void {
  const servers = runningServers(backend)
  lifetimeCases(
    backend,
    () => servers().endpoints,
    () => openAt(servers().endpoints),
  )
}
