import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals'
import { once } from 'node:events'
import { createServer } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'
import { consul } from '@libkv/consul'
import { freePorts, startServers, waitFor } from '../../../tooling/servers/index.ts'
import type { FaultProxy, Servers } from '../../../tooling/servers/index.ts'
import { Follower } from './support.ts'

describe('a Consul that cannot be reached', () => {
  it('is NOT_REACHABLE within connectionTimeout when it refuses', async () => {
    const [port] = await freePorts(1)
    await using kv = consul([`127.0.0.1:${String(port)}`], { connectionTimeout: 400 })
    const start = performance.now()
    await expect(kv.put('a', 'x')).rejects.toMatchObject({
      code: 'NOT_REACHABLE',
      ambiguous: false,
    })
    expect(performance.now() - start).toBeLessThan(1_000)
  })

  it('is NOT_REACHABLE within connectionTimeout when it accepts and never answers', async () => {
    const sockets: Socket[] = []
    const server = createServer((socket) => sockets.push(socket)).listen(0, '127.0.0.1')
    await once(server, 'listening')
    try {
      const { port } = server.address() as AddressInfo
      await using kv = consul([`127.0.0.1:${String(port)}`], { connectionTimeout: 400 })
      const start = performance.now()
      await expect(kv.put('a', 'x')).rejects.toMatchObject({
        code: 'NOT_REACHABLE',
        ambiguous: false,
      })
      expect(performance.now() - start).toBeLessThan(1_000)
    } finally {
      for (const socket of sockets) socket.destroy()
      server.close()
    }
  })

  it('is used again as soon as it is back', async () => {
    await using servers = await startServers('consul')
    const [node] = servers.nodes
    await using kv = consul(servers.endpoints, { connectionTimeout: 300 })
    await kv.put('a', '1')
    await node?.kill()
    for (let i = 0; i < 5; i++) {
      await expect(kv.get('a')).rejects.toMatchObject({ code: 'NOT_REACHABLE' })
    }
    await node?.start()
    const start = performance.now()
    await waitFor(() => kv.get('a').then(() => true), { what: 'a read' })
    expect(performance.now() - start).toBeLessThan(2_000)
  })
})

describe('a cluster of three', () => {
  let servers: Servers<'consul'>
  beforeAll(async () => {
    servers = await startServers('consul', { nodes: 3 })
  })
  afterEach(async () => {
    await Promise.all(servers.nodes.map((node) => node.waitReady().catch(() => node.start())))
  }, 60_000)
  afterAll(async () => {
    await servers[Symbol.asyncDispose]()
  })

  it('is used although two of the addresses are dead', async () => {
    const [dead] = await freePorts(1)
    const [living = ''] = servers.endpoints
    const addresses = [`127.0.0.1:${String(dead)}`, living, '127.0.0.1:1']
    for (let i = 0; i < 5; i++) {
      await using kv = consul(addresses)
      await kv.put('a', 'x')
    }
  })

  for (const fault of ['kill', 'freeze'] as const) {
    it(`goes on when its leader is ${fault === 'kill' ? 'killed' : 'frozen'}: reads, writes, watches, sessions`, async () => {
      const dir = `leader-${fault}`
      await using kv = consul(servers.endpoints, { requestTimeout: 10_000 })
      const follower = await new Follower(kv, dir).started()
      const session = await kv.session({ ttl: 40_000 })
      await kv.put(`${dir}/bound`, 'x', { session })
      const leader = await servers.leader()
      await leader[fault]()
      // Reads are asked again elsewhere.
      expect((await kv.get(`${dir}/bound`))?.text()).toBe('x')
      await waitFor(() => kv.put(`${dir}/after`, 'x').then(() => true), {
        what: 'a write',
        timeout: 20_000,
      })
      await follower.has([`${dir}/after`, `${dir}/bound`])
      expect(follower.violations).toEqual([])
      expect(session.isAlive()).toBe(true)
      await (fault === 'kill' ? leader.start() : leader.resume())
      await follower.stop()
    }, 60_000)
  }

  for (let which = 0; which < 3; which++) {
    it(`goes on when server ${String(which + 1)} hangs, whichever the store was using`, async () => {
      const node = servers.nodes[which]
      await using kv = consul(servers.endpoints)
      await kv.put('hang', 'x')
      await node?.freeze()
      const start = performance.now()
      for (let i = 0; i < 10; i++) expect((await kv.get('hang'))?.text()).toBe('x')
      expect(performance.now() - start).toBeLessThan(15_000)
      await node?.resume()
    }, 40_000)
  }

  it('moves watches away from an agent that is cut off from the client without a word', async () => {
    const proxies = await servers.proxy()
    await using kv = consul(proxies.map(({ endpoint }) => endpoint))
    await using direct = consul(servers.endpoints)
    const follower = await new Follower(kv, 'moved').started()
    const used = proxies.find(({ stats }) => stats.open > 1)
    used?.blackhole()
    await direct.put('moved/key', 'x')
    await follower.has(['moved/key'])
    await follower.stop()
    for (const proxy of proxies) proxy.pass()
  }, 60_000)

  it('answers stale reads without a quorum, and no others', async () => {
    await using kv = consul([servers.endpoints[0] ?? ''], { requestTimeout: 2_000 })
    await kv.put('quorum', 'x')
    const others = servers.nodes.slice(1)
    for (const node of others) await node.kill()
    const unanswered = { code: expect.stringMatching(/^(TIMEOUT|NOT_REACHABLE)$/), retryable: true }
    await expect(kv.get('quorum')).rejects.toMatchObject(unanswered)
    await expect(kv.put('quorum', 'y')).rejects.toMatchObject(unanswered)
    expect((await kv.get('quorum', { consistency: 'stale' }))?.text()).toBe('x')
    await Promise.all(others.map((node) => node.start()))
  }, 60_000)

  it('lets a proxy die and takes the others', async () => {
    const proxies: FaultProxy[] = await servers.proxy()
    await using kv = consul(proxies.map(({ endpoint }) => endpoint))
    for (const proxy of proxies) {
      await kv.put('proxied', 'x')
      await proxy.down()
      await waitFor(() => kv.get('proxied').then(() => true), { what: 'a read' }).catch(
        (error: unknown) => {
          if (proxy !== proxies.at(-1)) throw error
        },
      )
      await proxy.up()
    }
  }, 60_000)
})
