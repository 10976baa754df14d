import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals'
import { createServer } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'
import { once } from 'node:events'
import { systemRuntime } from '@libkv/core/driver'
import { WAIT_TIMEOUT, atMost, waitFor } from '@libkv/testing'
import { FaultProxy, freePorts, startServers } from '@libkv/testing/servers'
import type { Servers } from '@libkv/testing/servers'
import type { ZooKeeperClient } from '../../src/client/index.ts'
import { block, bytes, clientOf, failureOf, recorder, statesOf, textOf, within } from './support.ts'

describe('a connection to ZooKeeper', () => {
  let servers: Servers
  let proxy: FaultProxy
  let direct: ZooKeeperClient
  let tests = 0
  beforeAll(async () => {
    servers = await startServers('zookeeper')
    proxy = await FaultProxy.to(servers.endpoints[0] ?? '')
    direct = clientOf(servers.endpoints)
  })
  afterAll(async () => {
    await direct.close()
    await proxy[Symbol.asyncDispose]()
    await servers[Symbol.asyncDispose]()
  })
  afterEach(async () => {
    proxy.delayMs = proxy.slice = 0
    proxy.pass()
    await proxy.up()
  })
  const fresh = (): string => `/fault-${++tests}`

  it('that is reset after the write leaves doubt, and none after a read', async () => {
    await using client = clientOf([proxy.endpoint])
    const path = fresh()
    await client.create(path, null)
    proxy.loseAnswers()
    const calls = [
      client.set(path, bytes('1')),
      client.multi([{ type: 'set', path, data: bytes('2') }]),
      client.delete(`${path}/x`),
      client.get(path),
      client.exists(path),
      client.children(path),
      client.sync(path),
    ].map(failureOf)
    const errors = await Promise.all(calls)
    proxy.pass()
    expect(errors.map(({ code }) => code)).toEqual(errors.map(() => 'CONNECTION_LOSS'))
    expect(errors.map(({ mayHaveHappened }) => mayHaveHappened)).toEqual([
      ...[true, true, true],
      ...[false, false, false, false],
    ])
    expect(textOf((await client.get(path))?.data)).toBe('2')
  })

  it('that is not there lets calls wait, and fail without doubt when that takes too long', async () => {
    await using client = clientOf([proxy.endpoint])
    await client.connect()
    const states = statesOf(client)
    await proxy.down()
    await waitFor(() => states.length > 0, { what: 'the loss' })
    const path = fresh()
    const now = systemRuntime.now()
    const inVain = failureOf(client.create(path, null, {}, { connectDeadline: now + 200 }))
    const patient = client.create(path, null, {}, { deadline: now + 20_000 })
    const error = await atMost(2_000, 'the failure', () => inVain)
    expect(error).toMatchObject({ code: 'NOT_REACHABLE', mayHaveHappened: false, path })
    expect(systemRuntime.now() - now).toBeGreaterThanOrEqual(199)
    expect((await inVain).message).toContain('ECONNREFUSED')
    await proxy.up()
    // The one that failed was never made, else this one would fail.
    expect((await patient).path).toBe(path)
  })

  it('that answers late lets calls time out, which leaves doubt after a write', async () => {
    await using client = clientOf([proxy.endpoint])
    const path = fresh()
    await client.create(path, null)
    proxy.blackhole()
    const calls = [client.set(path, null, -1, within(200)), client.get(path, within(200))]
    const [write, read] = await atMost(2_000, 'the timeout', () =>
      Promise.all(calls.map(failureOf)),
    )
    expect(write).toMatchObject({ code: 'TIMEOUT', mayHaveHappened: true })
    expect(read).toMatchObject({ code: 'TIMEOUT', mayHaveHappened: false })
    proxy.pass()
    // The answers that nobody waits for any more come first.
    expect((await client.get(path))?.stat.version).toBe(1)
  })

  it('is not needed to abort a call: it fails with the reason of the signal', async () => {
    await using client = clientOf([proxy.endpoint])
    await client.connect()
    proxy.blackhole()
    const controller = new AbortController()
    const { signal } = controller
    const reason = new Error('enough')
    const sent = failureOf(client.get('/', { signal }))
    const never = failureOf(client.get('/', { signal: AbortSignal.abort(reason) }))
    expect(await never).toBe(reason)
    await new Promise((resolve) => setImmediate(resolve))
    controller.abort(reason)
    expect(await sent).toBe(reason)
    proxy.pass()
    expect(await client.get('/', { signal: new AbortController().signal })).not.toBeNull()
  })

  it('gets nothing to send that nobody waits for', async () => {
    await using client = clientOf([proxy.endpoint])
    await client.connect()
    await proxy.down()
    await waitFor(() => client.state === 'connecting', { what: 'the loss' })
    const path = fresh()
    const call = { settled: false, marked: 0, markSent: () => call.marked++ }
    const abandoned = failureOf(client.create(path, null, {}, call))
    const controller = new AbortController()
    const aborted = failureOf(client.create(path, null, {}, { signal: controller.signal }))
    call.settled = true
    controller.abort(new Error('enough'))
    await proxy.up()
    expect((await aborted).message).toBe('enough')
    expect(await abandoned).toMatchObject({ mayHaveHappened: false })
    expect(await failureOf(client.create(path, null, {}, call))).toMatchObject({
      mayHaveHappened: false,
    })
    expect(await client.exists(path)).toBeNull()
    expect(call.marked).toBe(0)
    call.settled = false
    await client.create(path, null, {}, call)
    expect(call.marked).toBe(1)
  })

  it('that is half open is given up while the session lasts', async () => {
    // Chance decides on the server to begin with.
    const runtime = { ...systemRuntime, random: () => 0.99 }
    const endpoints = [proxy.endpoint, ...servers.endpoints]
    await using client = clientOf(endpoints, { sessionTimeout: 5_000, runtime })
    await client.create(fresh(), null, { mode: 'ephemeral' })
    expect(proxy.stats.open).toBe(1)
    const states = statesOf(client)
    proxy.blackhole()
    const start = systemRuntime.now()
    const pending = failureOf(client.set('/', null))
    expect(await pending).toMatchObject({ code: 'CONNECTION_LOSS', mayHaveHappened: true })
    await waitFor(() => states.length === 2, { what: 'the other server' })
    const took = systemRuntime.now() - start
    expect(states).toMatchObject([{ type: 'disconnected' }, { type: 'connected', resumed: true }])
    // Two thirds of the session timeout after the last answer, and before its end, as it was resumed.
    expect(took).toBeGreaterThan(2_500)
  })

  it('is not taken for one before the server answers: others are tried', async () => {
    const sockets: Socket[] = []
    const mute = createServer((socket) => sockets.push(socket)).listen(0, '127.0.0.1')
    await once(mute, 'listening')
    const [dead] = await freePorts(1)
    const { port } = mute.address() as AddressInfo
    try {
      for (let i = 0; i < 5; i++) {
        const endpoints = [`127.0.0.1:${port}`, `127.0.0.1:${String(dead)}`, ...servers.endpoints]
        await using client = clientOf(endpoints, {
          connectTimeout: 200,
          sessionTimeout: 30_000,
        })
        await client.connect(within(WAIT_TIMEOUT))
      }
      await using lost = clientOf([`127.0.0.1:${port}`], { connectTimeout: 100 })
      const error = await atMost(2_000, 'the timeout', () => failureOf(lost.connect(within(400))))
      expect(error).toMatchObject({ code: 'NOT_REACHABLE' })
      expect(error.message).toContain('no answer to the request for a session within 100 ms')
    } finally {
      for (const socket of sockets) socket.destroy()
      mute.close()
    }
  })

  it('gives a server that is slow to grant sessions more time with each attempt', async () => {
    const waits: number[] = []
    const slow = createServer((socket) => {
      const since = performance.now()
      socket.resume().on('close', () => waits.push(performance.now() - since))
    }).listen(0, '127.0.0.1')
    await once(slow, 'listening')
    const { port } = slow.address() as AddressInfo
    try {
      await using client = clientOf([`127.0.0.1:${String(port)}`], { sessionTimeout: 900 })
      client.connect(within(WAIT_TIMEOUT)).catch(() => undefined)
      await waitFor(() => waits.length >= 3, { what: 'three attempts' })
      const [first = 0, second = 0, third = 0] = waits
      expect(second).toBeGreaterThan(first * 1.3)
      expect(third).toBeGreaterThan(second * 1.3)
    } finally {
      slow.close()
    }
  })

  it('may deliver one byte at a time', async () => {
    await using client = clientOf([proxy.endpoint])
    proxy.slice = 1
    const path = fresh()
    const { heard, listener } = recorder()
    await client.exists(path, undefined, listener)
    await client.create(path, bytes('some data'))
    expect(textOf((await client.get(path))?.data)).toBe('some data')
    expect(await client.multiRead([{ type: 'get', path }])).toMatchObject([{ type: 'get' }])
    expect(heard).toEqual([`created ${path}`])
  })

  it('may be slow', async () => {
    await using client = clientOf([proxy.endpoint])
    await client.connect()
    proxy.delayMs = 60
    // Pipelined: one after the other, they would take 36 s.
    const calls = Array.from({ length: 300 }, () => client.exists('/', within(WAIT_TIMEOUT)))
    expect(await Promise.all(calls)).toHaveLength(300)
  })

  it('may refuse every attempt for a while', async () => {
    await using client = clientOf([proxy.endpoint])
    const { sessionId } = await client.connect().then(() => client)
    const { accepted } = proxy.stats
    proxy.reject()
    await waitFor(() => proxy.stats.accepted > accepted + 3, { what: 'some attempts' })
    await new Promise((resolve) => setTimeout(resolve, 1_000))
    // With growing pauses.
    expect(proxy.stats.accepted - accepted).toBeLessThan(20)
    proxy.pass()
    await client.sync('/')
    expect(client.sessionId).toBe(sessionId)
  })

  it('loses no acknowledged write and repeats none, whatever happens to it', async () => {
    await using client = clientOf([proxy.endpoint], { sessionTimeout: 20_000 })
    const path = fresh()
    await client.create(path, null)
    let acknowledged = 0
    let doubtful = 0
    let version = -1
    // Some seconds of faults, and enough of both outcomes.
    const start = systemRuntime.now()
    const isEnough = (): boolean => {
      const elapsed = systemRuntime.now() - start
      return elapsed > WAIT_TIMEOUT || (elapsed > 5_000 && acknowledged > 100 && doubtful > 5)
    }
    const faults = [
      () => proxy.cut(),
      () => proxy.loseAnswers(),
      () => block(20),
      () => proxy.reject(),
      () => proxy.pass(),
    ]
    let fault = 0
    const chaos = setInterval(() => {
      proxy.pass()
      faults[fault++ % faults.length]?.()
    }, 37)
    const work = async (): Promise<void> => {
      while (!isEnough()) {
        try {
          version = Math.max(
            version,
            (await client.set(path, bytes('x'), -1, within(3_000))).version,
          )
          acknowledged++
        } catch (error) {
          if ((error as { mayHaveHappened: boolean }).mayHaveHappened) doubtful++
        }
      }
    }
    await Promise.all(Array.from({ length: 8 }, work))
    clearInterval(chaos)
    proxy.pass()
    const final = (await direct.get(path))?.stat.version ?? 0
    expect(acknowledged).toBeGreaterThan(100)
    expect(doubtful).toBeGreaterThan(5)
    expect(final).toBeGreaterThanOrEqual(acknowledged)
    expect(final).toBeLessThanOrEqual(acknowledged + doubtful)
  })
})
