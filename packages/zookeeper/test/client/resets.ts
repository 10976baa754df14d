import { expect, it } from '@jest/globals'
import { startServers } from '@libkv/testing/servers'
import { run } from './support.ts'

/** A client whose connection is reset that many times. */
export function resetsCase(resets: number): void {
  it(`survives ${resets} resets while the event loop is busy`, async () => {
    await using servers = await startServers('zookeeper')
    // In a process of its own, whose death would be noticed: a native client dies of the first ones.
    const { code, output } = await run(`
    const { FaultProxy } = await import('@libkv/testing/servers/fault-proxy')
    const proxy = await FaultProxy.to('${servers.endpoints[0] ?? ''}')
    const client = new ZooKeeperClient({ servers: [proxy.endpoint], runtime, sessionTimeout: 30_000 })
    const sessions = new Set()
    const other = []
    let resets = 0
    let lost = 0
    client.onState(({ type }) => {
      if (type === 'connected') sessions.add(client.sessionId)
    })
    await client.connect()
    const busy = (ms) => {
      const end = performance.now() + ms
      while (performance.now() < end);
    }
    const work = async () => {
      while (resets < ${resets}) {
        try {
          await client.exists('/')
        } catch ({ code }) {
          if (code === 'CONNECTION_LOSS') lost++
          else other.push(code)
        }
      }
    }
    const reset = async () => {
      while (resets < ${resets}) {
        await client.exists('/').catch(() => {})
        if (client.state !== 'connected') continue
        // Now before, now behind what is in flight.
        if (resets % 3 === 0) void client.exists('/').catch(() => {})
        proxy.cut()
        resets++
        if (resets % 2 === 0) void client.exists('/').catch(() => {})
        if (resets % 50 === 0) busy(30)
      }
    }
    await Promise.all([reset(), work(), work(), work()])
    const memory = Math.round(process.memoryUsage().rss / 2 ** 20)
    const works = (await client.exists('/')) !== null
    await client.close()
    await proxy.down()
    console.log(JSON.stringify({ resets, sessions: sessions.size, lost: lost > 0, other, works, lean: memory < 400 }))`)
    expect(code).toBe(0)
    expect(JSON.parse(output)).toEqual({
      resets,
      sessions: 1,
      lost: true,
      other: [],
      works: true,
      lean: true,
    })
  }, 600_000)
}
