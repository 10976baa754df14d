import { afterEach, describe, expect, it } from '@jest/globals'
import type { KVPair, LibkvError, Store } from '@libkv/core'
import { waitFor } from '../wait-for.ts'
import { freePorts } from '../servers/index.ts'
import type { FaultProxy } from '../servers/index.ts'
import type { BackendUnderTest } from './backend-under-test.ts'
import { Follower } from './follower.ts'
import { runningServers } from './running-servers.ts'

/** Timeouts that leave room for an election on a busy machine. */
const patient = { connectionTimeout: 20_000, requestTimeout: 30_000 }

/** A cluster of three that loses its leader, a member, its quorum or all, and the way to it. */
export function clusterCases({
  backend,
  openAt,
  steadyTtl,
  waitsForQuorum,
  isMuteWithoutQuorum = false,
}: BackendUnderTest): void {
  describe('a cluster of three', () => {
    const servers = runningServers(backend, { nodes: 3 })
    afterEach(async () => {
      // Of what a case that failed has left behind.
      for (const node of servers().nodes) await node.resume().catch(() => undefined)
      await Promise.all(servers().nodes.map((node) => node.waitReady().catch(() => node.start())))
    })

    it('is used although two of the addresses are dead', async () => {
      const [dead] = await freePorts(1)
      const [living = ''] = servers().endpoints
      const addresses = [`127.0.0.1:${String(dead)}`, living, '127.0.0.1:1']
      for (let i = 0; i < 5; i++) {
        await using kv = openAt(addresses)
        await kv.put('a', 'x')
      }
    })

    for (const fault of ['kill', 'freeze'] as const) {
      it(`goes on when its leader is ${fault === 'kill' ? 'killed' : 'frozen'}: reads, writes, watches, sessions`, async () => {
        const dir = `leader-${fault}`
        await using kv = openAt(servers().endpoints, patient)
        const follower = await new Follower(kv, dir).started()
        const session = await kv.session({ ttl: 3 * steadyTtl })
        await kv.put(`${dir}/bound`, 'x', { session })
        const leader = await servers().leader()
        await leader[fault]()
        // Reads are asked again elsewhere.
        expect((await kv.get(`${dir}/bound`))?.text()).toBe('x')
        await written(kv, `${dir}/after`)
        await follower.has([`${dir}/after`, `${dir}/bound`])
        expect(follower.violations).toEqual([])
        expect(session.isAlive()).toBe(true)
        await (fault === 'kill' ? leader.start() : leader.resume())
        await follower.stop()
      })
    }

    for (let which = 0; which < 3; which++) {
      it(`goes on when server ${String(which + 1)} hangs, whichever the store was using`, async () => {
        const node = servers().nodes[which]
        await using kv = openAt(servers().endpoints, patient)
        await kv.put('hang', 'x')
        await node?.freeze()
        for (let i = 0; i < 10; i++) expect((await kv.get('hang'))?.text()).toBe('x')
        await node?.resume()
      })
    }

    it('moves watches away from a member that is cut off without a word, whether calls find out or not', async () => {
      await Promise.all([isMoved('quiet', false), isMoved('busy', true)])
    })

    /** Follows a directory through proxies, cuts the one that is used off, and sees that the follower goes on. */
    async function isMoved(dir: string, withCalls: boolean): Promise<void> {
      const proxies = await servers().proxy()
      await using kv = openAt(proxies.map(({ endpoint }) => endpoint))
      await using direct = openAt(servers().endpoints)
      const follower = await new Follower(kv, dir).started()
      const used = await busiest(proxies, async () => {
        await direct.put(`${dir}/before`, Buffer.alloc(100_000))
        await follower.has([`${dir}/before`])
      })
      used.blackhole()
      if (withCalls) {
        await waitFor(() => kv.get('any').then(() => true), {
          what: 'a read elsewhere',
        })
      }
      await direct.put(`${dir}/after`, 'x')
      await follower.has([`${dir}/before`, `${dir}/after`])
      expect(follower.violations).toEqual([])
      await follower.stop()
      used.pass()
    }

    const answered = isMuteWithoutQuorum ? 'no reads, not even stale ones,' : 'stale reads'
    it(`answers ${answered} without a quorum, and no others`, async () => {
      await using kv = openAt([servers().endpoints[0] ?? ''], { requestTimeout: 1_000 })
      await kv.put('quorum', 'x')
      const stale = async (): Promise<string | undefined> =>
        (await kv.get('quorum', { consistency: 'stale' }))?.text()
      await waitFor(async () => (await stale()) === 'x', { what: 'the one server to have it' })
      const others = servers().nodes.slice(1)
      for (const node of others) await node.kill()
      const unanswered = {
        code: waitsForQuorum ? 'TIMEOUT' : expect.stringMatching(/^(TIMEOUT|NOT_REACHABLE)$/),
        retryable: true,
      }
      await expect(kv.get('quorum')).rejects.toMatchObject(unanswered)
      const write = await kv.put('quorum', 'y').catch((error: unknown) => error)
      expect(write).toMatchObject({ ...unanswered, ...(waitsForQuorum && { ambiguous: true }) })
      if (isMuteWithoutQuorum) await expect(stale()).rejects.toMatchObject(unanswered)
      else expect(await stale()).toBe('x')
      await Promise.all(others.map((node) => node.start()))
      await waitFor(async () => (await kv.get('quorum')) !== null, {
        what: 'the one server',
      })
      // What is said not to have happened has not.
      if (!(write as LibkvError).ambiguous) expect((await kv.get('quorum'))?.text()).toBe('x')
    })

    it('goes on when all of it was killed and started again: reads, writes, watches, sessions', async () => {
      const dir = 'all'
      await using kv = openAt(servers().endpoints, patient)
      const follower = await new Follower(kv, dir).started()
      const session = await kv.session({ ttl: 3 * steadyTtl })
      const bound = await kv.put(`${dir}/bound`, 'x', { session })
      await Promise.all(servers().nodes.map((node) => node.kill()))
      await expect(kv.get(`${dir}/bound`, { timeout: 200 })).rejects.toMatchObject({
        retryable: true,
      })
      await Promise.all(servers().nodes.map((node) => node.start()))
      const after = await written(kv, `${dir}/after`)
      expect(after.revision).toBeGreaterThan(bound.revision)
      expect(await kv.get(`${dir}/bound`)).toEqual(bound)
      await follower.has([`${dir}/after`, `${dir}/bound`])
      expect(follower.violations).toEqual([])
      expect(session.isAlive()).toBe(true)
      await follower.stop()
    })

    it('is used through the proxies that live', async () => {
      const proxies = await servers().proxy()
      await using kv = openAt(proxies.map(({ endpoint }) => endpoint))
      for (const proxy of proxies) {
        await kv.put('proxied', 'x')
        await proxy.down()
        await waitFor(() => kv.get('proxied').then(() => true), { what: 'a read' })
        await proxy.up()
      }
    })
  })
}

/** Writes a key as soon as that can be done. It does not mind being written twice. */
async function written(kv: Store, key: string): Promise<KVPair> {
  return await waitFor(() => kv.put(key, 'x', { timeout: 2_000 }), {
    what: `a write of ${key}`,
  })
}

/** The proxy through which most bytes come while `work` is done. */
async function busiest(
  proxies: readonly FaultProxy[],
  work: () => Promise<unknown>,
): Promise<FaultProxy> {
  const before = proxies.map(({ stats }) => stats.bytesDown)
  await work()
  const bytes = proxies.map(({ stats }, i) => stats.bytesDown - (before[i] ?? 0))
  const proxy = proxies[bytes.indexOf(Math.max(...bytes))]
  if (proxy === undefined) throw new Error('there is no proxy')
  return proxy
}
