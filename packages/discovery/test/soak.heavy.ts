import { describe, expect, it } from '@jest/globals'
import type { Store, StoreOptions } from '@libkv/core'
import { Lateness, WAIT_TIMEOUT, waitFor } from '@libkv/testing'
import { runningServers } from '@libkv/testing/backend-cases/running-servers'
import { FaultProxy } from '@libkv/testing/servers'
import type { ServerNode } from '@libkv/testing/servers'
import { Fleet, Spectator, now, sleep } from './fleet.ts'
import { targets } from './targets.ts'

// LIBKV_TEST_FAULTS=50 for a long run, of some ten minutes each.
const FAULTS = Number(process.env['LIBKV_TEST_FAULTS'] ?? 4)
const INSTANCES = 200
const PROCESSES = 10
/** Many times as long as a busy machine lets a renewal wait. */
const TTL = 12_000
/** How long everybody is excused after an outage, as the README says. */
const GRACE = 5_000
/** How long it takes to find out that the store is back. */
const RETURN = 3_000

interface Fault {
  readonly name: string
  readonly inflict: (server: ServerNode, proxy: FaultProxy) => Promise<void>
}

const faults: readonly Fault[] = [
  {
    name: 'the server freezes for longer than the time to live',
    inflict: async (server) => {
      await server.freeze()
      await sleep(TTL * 1.5)
      await server.resume()
    },
  },
  {
    name: 'no byte passes for longer than the time to live',
    inflict: async (_, proxy) => {
      proxy.blackhole()
      await sleep(TTL * 1.5)
      proxy.pass()
    },
  },
  {
    name: 'the server is killed and started again later',
    inflict: async (server) => {
      await server.kill()
      await sleep(TTL * 1.5)
      await server.start()
    },
  },
  {
    name: 'no byte passes for less than the time to live',
    inflict: async (_, proxy) => {
      proxy.blackhole()
      await sleep(TTL * 0.6)
      proxy.pass()
    },
  },
  {
    name: 'connections are refused for longer than the time to live',
    inflict: async (_, proxy) => {
      await proxy.down()
      await sleep(TTL * 1.5)
      await proxy.up()
    },
  },
  {
    name: 'the server freezes for less than the time to live',
    inflict: async (server) => {
      await server.freeze()
      await sleep(TTL * 0.6)
      await server.resume()
    },
  },
  {
    name: 'the server is restarted',
    inflict: (server) => server.restart(),
  },
  {
    name: 'all connections break, again and again',
    inflict: async (_, proxy) => {
      for (let i = 0; i < 4; i++) {
        proxy.cut()
        await sleep(TTL / 4)
      }
    },
  },
  {
    name: 'answers are lost',
    inflict: async (_, proxy) => {
      proxy.loseAnswers()
      await sleep(TTL * 0.6)
      proxy.pass()
    },
  },
]

for (const { backend, capabilities, openAt } of targets) {
  describe(`${String(INSTANCES)} instances on ${backend}`, () => {
    const servers = runningServers(backend)

    it(
      `survive ${String(FAULTS)} faults: nobody is removed who lives, and nobody stays who does not`,
      async () => {
        const server = servers().nodes[0] as ServerNode
        await using proxy = await FaultProxy.to(server.endpoint)
        const open = (options?: StoreOptions): Store => openAt([proxy.endpoint], options)
        await using fleet = new Fleet(open, TTL)
        for (let i = 0; i < PROCESSES; i++) await fleet.start(INSTANCES / PROCESSES)
        await using spectator = new Spectator(fleet, open(), TTL)
        const isCalm = async (what: string): Promise<void> => {
          await waitFor(() => spectator.isContent && fleet.isRegistered, {
            what,
            timeout: 4 * WAIT_TIMEOUT,
          })
        }
        await isCalm('all are seen')
        const report: string[] = []
        for (let i = 0; i < FAULTS; i++) {
          const { name, inflict } = faults[i % faults.length] as Fault
          // In every other fault a process crashes just before, and another one starts afterwards.
          const crashed = i % 2 === 1 ? fleet.crash() : []
          await inflict(server, proxy)
          const end = now()
          const lateness = new Lateness()
          await isCalm(`all is well after '${name}'`)
          lateness.stop()
          const calm = Math.round(now() - end)
          report.push(`${name}${crashed.length > 0 ? ', a crash' : ''}: ${String(calm)} ms`)
          const latest =
            end + Math.max(TTL, GRACE) + capabilities.expirySlack + RETURN + lateness.total
          const late = crashed.filter((id) => (spectator.removedAt.get(id) ?? Infinity) > latest)
          if (crashed.length > 0) await fleet.start(crashed.length)
          await isCalm('the new process is seen')
          expect({ after: report, late, violations: spectator.violations }).toEqual({
            after: report,
            late: [],
            violations: [],
          })
        }
        expect(fleet.alive.size).toBe(INSTANCES)
        if (FAULTS >= faults.length) console.log(`all well again after\n${report.join('\n')}`)
      },
      (FAULTS + 1) * 10 * WAIT_TIMEOUT,
    )
  })
}
