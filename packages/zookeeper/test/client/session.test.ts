import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { systemRuntime } from '@libkv/core/driver'
import { atMost, waitFor } from '@libkv/testing'
import { FaultProxy, freePorts, startServers } from '@libkv/testing/servers'
import type { Servers } from '@libkv/testing/servers'
import { block, bytes, clientOf, failureOf, run, statesOf, textOf, within } from './support.ts'

describe('a session', () => {
  let servers: Servers
  let proxy: FaultProxy
  beforeAll(async () => {
    servers = await startServers('zookeeper')
    proxy = await FaultProxy.to(servers.endpoints[0] ?? '')
  })
  afterAll(async () => {
    await proxy[Symbol.asyncDispose]()
    await servers[Symbol.asyncDispose]()
  })

  it('begins with the first call', async () => {
    await using client = clientOf(servers.endpoints)
    const states = statesOf(client)
    expect(client.state).toBe('idle')
    expect(client.sessionId).toBe(0n)
    expect(client.answeredAt).toBe(-Infinity)
    const before = systemRuntime.now()
    expect(await client.exists('/')).not.toBeNull()
    expect(client.state).toBe('connected')
    expect(client.sessionId).not.toBe(0n)
    expect(client.sessionPassword).toHaveLength(16)
    expect(client.negotiatedTimeout).toBe(6_000)
    expect(client.answeredAt).toBeGreaterThanOrEqual(before)
    expect(client.answeredAt).toBeLessThan(systemRuntime.now())
    expect(states).toEqual([
      { type: 'connected', resumed: false, server: servers.endpoints[0] ?? '' },
    ])
  })

  it('has the timeout that the server allows', async () => {
    await using short = clientOf(servers.endpoints, { sessionTimeout: 1 })
    await using long = clientOf(servers.endpoints, { sessionTimeout: 1_000_000 })
    await Promise.all([short.connect(), long.connect()])
    expect(short.negotiatedTimeout).toBe(500)
    expect(long.negotiatedTimeout).toBe(60_000)
  })

  it('outlives its connections', async () => {
    await using client = clientOf([proxy.endpoint])
    await client.create('/outlives', null, { mode: 'ephemeral' })
    const { sessionId } = client
    const states = statesOf(client)
    for (let i = 1; i <= 5; i++) {
      proxy.cut()
      await waitFor(() => states.length === 2 * i, { what: 'the connection to be back' })
      expect(await client.exists('/outlives')).not.toBeNull()
    }
    expect(client.sessionId).toBe(sessionId)
    expect(states.map(({ type }) => type).slice(0, 2)).toEqual(['disconnected', 'connected'])
    expect(states[0]).toMatchObject({ cause: { code: 'CONNECTION_LOSS' } })
    expect(states[1]).toMatchObject({ resumed: true })
  })

  it('is kept alive by pings while nothing is asked, and says when', async () => {
    await using client = clientOf(servers.endpoints, { sessionTimeout: 1_500 })
    await client.create('/alive', null, { mode: 'ephemeral' })
    const { sessionId, answeredAt } = client
    await waitFor(() => client.answeredAt > answeredAt + 3_500, { what: 'pings' })
    expect(client.sessionId).toBe(sessionId)
    expect(await client.exists('/alive')).not.toBeNull()
    expect(client.answeredAt).toBeGreaterThan(answeredAt + 3_500)
  })

  it('is over when the server did not hear of it in time: all calls fail', async () => {
    await using client = clientOf([proxy.endpoint], { sessionTimeout: 500 })
    const states = statesOf(client)
    await client.create('/over', null, { mode: 'ephemeral' })
    await proxy.down()
    await using other = clientOf(servers.endpoints)
    await waitFor(async () => (await other.exists('/over')) === null, { what: 'the end' })
    const waiting = failureOf(client.create('/over', null))
    await proxy.up()
    expect(await waiting).toMatchObject({ code: 'SESSION_EXPIRED', mayHaveHappened: false })
    expect(states.map(({ type }) => type)).toEqual(['connected', 'disconnected', 'expired'])
    expect(client.state).toBe('expired')
    expect(await failureOf(client.get('/'))).toMatchObject({ code: 'SESSION_EXPIRED' })
    await client.close()
    expect(client.state).toBe('closed')
  })

  it('is followed by another if that is wanted: calls that wait are made in that', async () => {
    await using client = clientOf([proxy.endpoint], { sessionTimeout: 500, renew: true })
    const states = statesOf(client)
    await client.create('/renewed', null, { mode: 'ephemeral' })
    const { sessionId, lastZxid } = client
    await proxy.down()
    await using other = clientOf(servers.endpoints)
    await waitFor(async () => (await other.exists('/renewed')) === null, { what: 'the end' })
    const waiting = client.create('/renewed', null, { mode: 'ephemeral' })
    await proxy.up()
    expect((await waiting).stat.ephemeralOwner).toBe(client.sessionId)
    expect(client.sessionId).not.toBe(sessionId)
    expect(client.lastZxid).toBeGreaterThan(lastZxid)
    expect(states.slice(1)).toMatchObject([
      { type: 'disconnected' },
      { type: 'expired' },
      { type: 'connected', resumed: false },
    ])
  })

  it('can be handed over to another client', async () => {
    const first = clientOf([proxy.endpoint])
    await first.create('/handed', null, { mode: 'ephemeral' })
    const session = { id: first.sessionId, password: first.sessionPassword }
    // While both are connected, they take the session from each other in turns.
    await proxy.down()
    await using second = clientOf(servers.endpoints, { session })
    await second.connect()
    expect(second.sessionId).toBe(session.id)
    await first.close()
    await proxy.up()
    expect((await second.get('/handed'))?.stat.ephemeralOwner).toBe(session.id)
  })

  it('is not given to whoever has another password', async () => {
    await using client = clientOf(servers.endpoints)
    await client.connect()
    const session = { id: client.sessionId, password: new Uint8Array(16) }
    await using thief = clientOf(servers.endpoints, { session })
    expect(await failureOf(thief.connect())).toMatchObject({ code: 'SESSION_EXPIRED' })
    expect(() =>
      clientOf(servers.endpoints, { session: { id: 1n, password: new Uint8Array(999) } }),
    ).toThrow('too long')
  })

  it('survives a busy event loop', async () => {
    await using client = clientOf(servers.endpoints, { sessionTimeout: 4_000 })
    const states = statesOf(client)
    await client.create('/busy', null, { mode: 'ephemeral' })
    const { sessionId } = client
    for (let i = 0; i < 2; i++) {
      // Shorter than the session, longer than the silence after which a connection is given up.
      block(2_900)
      const unblocked = systemRuntime.now()
      await waitFor(() => client.answeredAt >= unblocked, { what: 'an answer', every: 1 })
    }
    expect(client.sessionId).toBe(sessionId)
    expect(await client.exists('/busy')).not.toBeNull()
    expect(states.map(({ type }) => type)).not.toContain('expired')
  })

  it('ends on the server when the client is closed', async () => {
    const client = clientOf(servers.endpoints)
    const states = statesOf(client)
    await client.create('/closed', null, { mode: 'ephemeral' })
    const late = Promise.all([client.set('/closed', bytes('1')), client.get('/closed')])
    const closed = client.close()
    const refused = failureOf(client.get('/closed'))
    expect(client.close()).toBe(closed)
    await closed
    expect(textOf((await late)[1]?.data)).toBe('1')
    expect(await refused).toMatchObject({ code: 'CLOSED', mayHaveHappened: false })
    expect(client.state).toBe('closed')
    expect(states.map(({ type }) => type)).toEqual(['connected', 'closed'])
    await using other = clientOf(servers.endpoints)
    expect(await other.exists('/closed')).toBeNull()
  })

  it('ends on the server also when the connection was just lost', async () => {
    const client = clientOf([proxy.endpoint])
    await client.create('/lost', null, { mode: 'ephemeral' })
    proxy.cut()
    await waitFor(() => client.state === 'connecting', { what: 'the loss', every: 1 })
    await client.close()
    await using other = clientOf(servers.endpoints)
    expect(await other.exists('/lost')).toBeNull()
  })

  it('is given up when the server hangs: closing is bounded', async () => {
    const client = clientOf([proxy.endpoint], { closeTimeout: 200 })
    await client.connect()
    proxy.blackhole()
    const write = failureOf(client.set('/', null))
    await atMost(2_000, 'the close', () => client.close())
    expect(await write).toMatchObject({ code: 'CLOSED', mayHaveHappened: true })
    proxy.pass()
  })

  it('need not have begun to be closed', async () => {
    const client = clientOf(servers.endpoints)
    await client.close()
    expect(client.state).toBe('closed')
    expect(await failureOf(client.connect())).toMatchObject({ code: 'CLOSED' })
  })

  it('can be left to the server, which ends it later', async () => {
    const client = clientOf(servers.endpoints, { sessionTimeout: 500 })
    const states = statesOf(client)
    await client.create('/left', null, { mode: 'ephemeral' })
    const pending = failureOf(client.set('/left', null))
    client.abandon()
    client.abandon()
    expect(client.state).toBe('closed')
    await client.close()
    expect(await pending).toMatchObject({ code: 'CLOSED', mayHaveHappened: true })
    expect(states.map(({ type }) => type)).toEqual(['connected', 'closed'])
    await using other = clientOf(servers.endpoints)
    expect(await other.exists('/left')).not.toBeNull()
    await waitFor(async () => (await other.exists('/left')) === null, { what: 'the end' })
  })

  it('leaves nothing behind that keeps the process', async () => {
    const [port] = await freePorts(1)
    const { code, output } = await run(`
      const client = new ZooKeeperClient({ servers: ['${servers.endpoints[0] ?? ''}'], runtime })
      await client.watch('/', 'persistent', () => {})
      await client.get('/', { deadline: runtime.now() + 60_000 })
      await client.close()
      const dead = new ZooKeeperClient({ servers: ['127.0.0.1:${String(port)}'], runtime })
      await dead.connect({ deadline: runtime.now() + 300 }).catch(({ code }) => console.log(code))
      await dead.close()
      console.log('done')`)
    expect({ code, output }).toEqual({ code: 0, output: 'NOT_REACHABLE\ndone\n' })
  })
})

describe('servers that lost their data', () => {
  it('get a new session, once the old one cannot be any more', async () => {
    await using servers = await startServers('zookeeper')
    await using client = clientOf(servers.endpoints, { renew: true, sessionTimeout: 3_000 })
    const states = statesOf(client)
    for (let i = 0; i < 20; i++) await client.create(`/node-${i}`, null)
    const [node] = servers.nodes
    await node?.kill()
    await node?.wipe()
    await node?.start()
    await waitFor(async () => (await client.exists('/', within(1_000))) !== null, {
      what: 'a session on the empty server',
    })
    expect(await client.exists('/node-0')).toBeNull()
    expect(states.map(({ type }) => type)).toContain('expired')
  })
})
