import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals'
import type { Store } from '@libkv/core'
import { WAIT_TIMEOUT, atMost, waitFor } from '@libkv/testing'
import { startServers } from '@libkv/testing/servers'
import type { Servers } from '@libkv/testing/servers'
import { Follower } from '../src/index.ts'
import { targets } from './targets.ts'

/** Leads when it may, says so every few milliseconds, and tries to write when its time is over. */
const program = `
import { setTimeout as sleep } from 'node:timers/promises'
import { Candidate } from '@libkv/leadership'
import { targets } from './test/targets.ts'

const [backend, endpoint, id, ttl] = process.argv.slice(-4)
const kv = targets.find((target) => target.backend === backend).openAt([endpoint])
const candidate = new Candidate(kv, 'leader', { id, ttl: Number(ttl) })
const now = () => String(process.hrtime.bigint())
const say = (line) => process.stdout.write(JSON.stringify({ id, at: now(), ...line }) + '\\n')

process.once('SIGTERM', async () => {
  await candidate.stop()
  say({ what: 'stopped' })
  await kv.close()
})
await candidate.run(async (term) => {
  const token = String(term.token)
  for (;;) {
    // Whoever leads when it has looked has led just before.
    const at = now()
    if (!candidate.isLeader()) break
    say({ what: 'leads', at, token })
    await sleep(5)
  }
  const code = await term.fenced.put('written', token).then(() => 'written', (error) => error.code)
  say({ what: 'over', token, code })
})
`

interface Line {
  readonly id: string
  readonly what: 'leads' | 'over' | 'stopped'
  /** The monotonic clock of the machine, which all processes share, in nanoseconds. */
  readonly at: string
  readonly token: string
  readonly code?: string
}

for (const { backend, capabilities, openAt } of targets) {
  const ttl = Math.max(2_000, capabilities.ttl.min)
  const takeover = ttl + capabilities.expirySlack

  describe(`processes on ${backend}`, () => {
    let servers: Servers
    let kv: Store
    let follower: Follower
    const children = new Map<string, ChildProcess>()
    const lines: Line[] = []

    beforeEach(async () => {
      lines.length = 0
      servers = await startServers(backend)
      kv = openAt(servers.endpoints)
      follower = new Follower(kv, 'leader')
    })
    afterEach(async () => {
      for (const child of children.values()) child.kill('SIGKILL')
      children.clear()
      await kv.close()
      await servers[Symbol.asyncDispose]()
    })

    /** Starts a process and waits until it is in line. */
    async function start(id: string, ownTtl = ttl): Promise<ChildProcess> {
      const child = spawn(
        process.execPath,
        [
          ...['--conditions=@libkv/source', '--import', 'tsx', '--input-type=module'],
          ...['-e', program, '--', backend, servers.endpoints[0] ?? '', id, String(ownTtl)],
        ],
        { cwd: join(__dirname, '..'), stdio: ['ignore', 'pipe', 'inherit'] },
      )
      children.set(id, child)
      createInterface({ input: child.stdout as NodeJS.ReadableStream }).on('line', (line) => {
        lines.push(JSON.parse(line) as Line)
      })
      await waitFor(
        async () => (await follower.candidates()).some((candidate) => candidate.id === id),
        { what: `${id} is in line` },
      )
      return child
    }

    /** Waits until that one says that it leads. */
    async function leads(id: string): Promise<void> {
      const since = lines.length
      const said = (): boolean =>
        lines.slice(since).some((line) => line.id === id && line.what === 'leads')
      await waitFor(said, { what: `${id} leads` })
    }

    /** The same, after the session of another one ran out. */
    async function takesOver(id: string): Promise<void> {
      // A process of its own may be late as well.
      await atMost(takeover + 2_000, 'the take-over', () => leads(id))
    }

    /** At no instant did two lead. */
    function expectOneAtATime(): void {
      const terms = new Map<string, { id: string; from: bigint; to: bigint }>()
      for (const { id, what, at, token } of lines) {
        if (what !== 'leads') continue
        const time = BigInt(at)
        const term = terms.get(token)
        if (term === undefined) terms.set(token, { id, from: time, to: time })
        else if (time > term.to) term.to = time
      }
      const sorted = [...terms].sort(([a], [b]) => (BigInt(a) < BigInt(b) ? -1 : 1))
      expect(sorted.length).toBeGreaterThan(1)
      for (const [i, [, term]] of sorted.entries()) {
        const next = sorted[i + 1]?.[1]
        if (next !== undefined) expect(next.from).toBeGreaterThan(term.to)
      }
    }

    it('hand over at once on SIGTERM, and end by themselves', async () => {
      // No session runs out meanwhile.
      const a = await start('a', 10 * WAIT_TIMEOUT)
      await start('b', 10 * WAIT_TIMEOUT)
      await leads('a')
      a.kill('SIGTERM')
      await leads('b')
      if (a.exitCode === null) await once(a, 'exit')
      expect(a.exitCode).toBe(0)
      expectOneAtATime()
    })

    it('take over from one that was killed, in time', async () => {
      const a = await start('a')
      await start('b')
      await leads('a')
      a.kill('SIGKILL')
      await takesOver('b')
      expectOneAtATime()
    })

    it('take over from one that is frozen, which then can write no more', async () => {
      const a = await start('a')
      await start('b')
      await leads('a')
      a.kill('SIGSTOP')
      await takesOver('b')
      a.kill('SIGCONT')
      await waitFor(() => lines.some(({ id, what }) => id === 'a' && what === 'over'), {
        what: 'it knows that it leads no more',
      })
      const over = lines.filter(({ id, what }) => id === 'a' && what === 'over')
      expect(over.map(({ code }) => code)).toEqual(['LOCK_LOST'])
      expect(await kv.get('written')).toBeNull()
      expectOneAtATime()
    })

    it('never lead two at a time, whatever befalls them', async () => {
      const ids = ['a', 'b', 'c', 'd']
      for (const id of ids) await start(id)
      const signals = ['SIGKILL', 'SIGSTOP', 'SIGTERM', 'SIGSTOP', 'SIGKILL', 'SIGSTOP'] as const
      for (const signal of signals) {
        const leader = await waitFor(async () => (await follower.leader())?.id, {
          what: 'a leader',
        })
        const child = children.get(leader) as ChildProcess
        child.kill(signal)
        await waitFor(
          async () => {
            const next = (await follower.leader())?.id
            return next !== undefined && next !== leader
          },
          { what: 'another leader' },
        )
        if (signal === 'SIGSTOP') child.kill('SIGCONT')
        else await start(leader)
      }
      expectOneAtATime()
    }, 600_000)
  })
}
