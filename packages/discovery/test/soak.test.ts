import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import {
  FaultProxy,
  selectedBackends,
  startServers,
  waitFor,
} from '../../../tooling/servers/index.ts'
import type { ServerNode, Servers } from '../../../tooling/servers/index.ts'
import { Member, Spectator, now } from './fleet.ts'
import { targets } from './targets.ts'

// LIBKV_TEST_FAULTS=50 for a long run, of some ten minutes each.
const FAULTS = Number(process.env['LIBKV_TEST_FAULTS'] ?? 4)
const INSTANCES = 200
const PROCESSES = 10
const TTL = 4_000
/** How long everybody is excused after an outage, as the README says. */
const GRACE = 5_000
/** How long it takes to find out that the store is back, and what a busy machine adds. */
const LATENESS = 3_000

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

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
      for (let i = 0; i < 10; i++) {
        proxy.cut()
        await sleep(TTL / 10)
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

for (const backend of selectedBackends()) {
  const target = targets[backend]
  if (target === undefined) continue
  describe(`${String(INSTANCES)} instances on ${backend}`, () => {
    let servers: Servers
    let proxy: FaultProxy
    beforeAll(async () => {
      servers = await startServers(backend)
      proxy = await FaultProxy.to(servers.endpoints[0] ?? '')
    }, 60_000)
    afterAll(async () => {
      await proxy[Symbol.asyncDispose]()
      await servers[Symbol.asyncDispose]()
    })

    it(
      `survive ${String(FAULTS)} faults: nobody is removed who lives, and nobody stays who does not`,
      async () => {
        const server = servers.nodes[0] as ServerNode
        const through = { endpoints: [proxy.endpoint] }
        const alive = new Set<string>()
        const start = async (name: string): Promise<Member> => {
          const ids = Array.from(
            { length: INSTANCES / PROCESSES },
            (_, i) => `${name}-${String(i)}`,
          )
          const member = await Member.start(ids, TTL, (runtime) =>
            target.open(through, { runtime }),
          )
          for (const id of ids) alive.add(id)
          return member
        }
        const members = await Promise.all(
          Array.from({ length: PROCESSES }, (_, i) => start(`process${String(i)}`)),
        )
        const store = target.open(through)
        const spectator = new Spectator(store, TTL, alive)
        const isCalm = (): boolean =>
          !spectator.stale &&
          spectator.ids.size === alive.size &&
          members.every((member) => member.isRegistered)
        await waitFor(isCalm, { what: 'all to be registered', timeout: 30_000 })

        let asking = true
        const asked = (async () => {
          while (asking) {
            await spectator.ask()
            await sleep(200)
          }
        })()
        const report: string[] = []
        for (let i = 0; i < FAULTS; i++) {
          const fault = faults[i % faults.length] as Fault
          // In every other fault a process crashes just before, and starts under another name afterwards.
          const victim = i % 2 === 1 ? members.shift() : undefined
          for (const id of victim?.ids ?? []) alive.delete(id)
          victim?.crash()
          await fault.inflict(server, proxy)
          const end = now()
          const what = `calm after '${fault.name}'`
          await waitFor(isCalm, { what, timeout: 40_000 })
          report.push(`${fault.name}: calm after ${String(Math.round(now() - end))} ms`)
          const latest = end + Math.max(TTL, GRACE) + target.capabilities.expirySlack + LATENESS
          for (const id of victim?.ids ?? []) {
            const late = (spectator.removedAt.get(id) ?? Infinity) - latest
            if (late > 0) spectator.violations.push(`${id} stayed ${String(late)} ms too long`)
          }
          if (victim !== undefined) {
            await victim.stop()
            members.push(await start(`process${String(PROCESSES + i)}`))
            await waitFor(isCalm, { what: 'the new process to be seen', timeout: 30_000 })
          }
          expect(spectator.violations).toEqual([])
        }
        asking = false
        await asked
        expect(spectator.ids.size).toBe(INSTANCES)
        if (FAULTS >= faults.length) console.log(report.join('\n'))
        await spectator.stop()
        await Promise.all([store.close(), ...members.map((member) => member.stop())])
      },
      60_000 + FAULTS * 60_000,
    )
  })
}
