import { describe, expect, it } from '@jest/globals'
import { zookeeper } from '@libkv/zookeeper'
import { atMost, waitFor } from '@libkv/testing'
import { Follower } from '@libkv/testing/backend-cases/follower'
import { proxiedStore } from '@libkv/testing/backend-cases/proxied-store'
import { runningServers } from '@libkv/testing/backend-cases/running-servers'
import { sessionFaultCases } from '@libkv/testing/backend-cases/session-faults'
import { fourLetterWord } from '@libkv/testing/servers/zookeeper-wire'
import { SESSION_TIMEOUT, TICK_TIME, zookeeperUnderTest } from './zookeeper-under-test.ts'

/** The sessions that a server has, without those of stores for themselves. */
async function sessionsAt(endpoint: string): Promise<number> {
  const dump = await fourLetterWord(endpoint, 'dump')
  const all = /^Session Sets[^]*?^ephemeral nodes/m.exec(dump)?.[0].match(/^\s+0x/gm) ?? []
  const connections = await fourLetterWord(endpoint, 'cons')
  const own = connections.match(new RegExp(`to=${String(SESSION_TIMEOUT)},`, 'g')) ?? []
  return all.length - own.length
}

describe('a session of zookeeper', () => {
  const proxied = proxiedStore(zookeeperUnderTest)

  sessionFaultCases(zookeeperUnderTest, proxied, {
    now: () => sessionsAt(proxied.servers.endpoints[0] ?? ''),
    ofTtl: 1,
  })

  it('lets keys with a ttl go in time, and many of them depend on few sessions', async () => {
    const { kv, direct, servers, dir } = proxied
    await waitFor(async () => (await sessionsAt(servers.endpoints[0] ?? '')) === 0, {
      what: 'a server without sessions',
    })
    const keys = Array.from({ length: 40 }, (_, i) => `${dir}/${String(i)}`)
    await Promise.all(keys.map((key, i) => kv.put(key, 'x', { ttl: 10_000 + i })))
    // Two moments tell that number, so it may be wrong for an instant; but it is this one before the first key goes.
    await waitFor(async () => (await sessionsAt(servers.endpoints[0] ?? '')) === 1, {
      what: 'one session for all of them',
    })
    expect(await direct.keys(dir)).toHaveLength(40)
    await waitFor(async () => (await direct.keys(dir)).length === 0, { what: 'the keys to go' })
    await waitFor(async () => (await sessionsAt(servers.endpoints[0] ?? '')) === 0, {
      what: 'the session to go with the last of them',
    })
  })

  it('deletes no key in place of one whose time is over', async () => {
    const { kv, direct, dir } = proxied
    await kv.put(`${dir}/a`, 'mortal', { ttl: 1_000 })
    await kv.put(`${dir}/b`, 'mortal', { ttl: 1_000 })
    await direct.put(`${dir}/a`, 'permanent')
    await direct.delete(`${dir}/b`)
    await direct.put(`${dir}/b`, 'permanent')
    await kv.put(`${dir}/c`, 'mortal', { ttl: 1_500 })
    await waitFor(async () => !(await direct.exists(`${dir}/c`)), { what: 'the last to go' })
    expect((await direct.list(dir)).map((pair) => pair.text())).toEqual(['permanent', 'permanent'])
  })

  it('lives its time although it took longer than that to connect', async () => {
    const { proxy, dir } = proxied
    await using kv = zookeeperUnderTest.openAt([proxy.endpoint], { connectionTimeout: 20_000 })
    const ttl = 3_000
    proxy.blackhole()
    const start = performance.now()
    const opening = kv.session({ ttl })
    await new Promise((resolve) => setTimeout(resolve, 1.2 * ttl))
    proxy.pass()
    const session = await opening
    expect(performance.now() - start).toBeGreaterThan(ttl)
    expect(session.isAlive()).toBe(true)
    await kv.put(`${dir}/key`, 'x', { session })
    await session.close()
  })

  it('may expire on its store, whose watches, calls and locks go on', async () => {
    const { direct, dir, proxy } = proxied
    const options = { sessionTimeout: 1_000, tickTime: TICK_TIME }
    await using kv = zookeeper([proxy.endpoint], options)
    const follower = await new Follower(kv, dir).started()
    const states = kv.watch(`${dir}/key`)[Symbol.asyncIterator]()
    expect((await states.next()).value).toBeNull()
    const session = await kv.session({ ttl: 1_000 })
    await kv.put('bound', 'x', { session })
    await proxy.down()
    await direct.put(`${dir}/key`, 'meanwhile')
    await waitFor(async () => !(await direct.exists('bound')), { what: 'the sessions to expire' })
    expect(session.isAlive()).toBe(false)
    await proxy.up()
    expect((await states.next()).value?.text()).toBe('meanwhile')
    await follower.has([`${dir}/key`])
    await kv.put(`${dir}/after`, 'x')
    await follower.has([`${dir}/key`, `${dir}/after`])
    expect(follower.violations).toEqual([])
    await expect(kv.put('bound', 'x', { session })).rejects.toMatchObject({
      code: 'SESSION_EXPIRED',
    })
    await (await kv.newLock('lock', { ttl: 1_000 }).lock()).unlock()
    await follower.stop()
    await states.return?.()
  })
})

describe('zookeeper with its default settings', () => {
  const lines = ['tickTime=2000', 'minSessionTimeout=-1', 'maxSessionTimeout=-1']
  const servers = runningServers('zookeeper', {
    args: [...lines, 'extendedTypesEnabled=false'],
  })

  it('lets keys with a ttl go, sessions end and locks be taken over in time', async () => {
    await using kv = zookeeper(servers().endpoints)
    const { ttl, expirySlack } = kv.capabilities
    const start = performance.now()
    await kv.put('mortal', 'x', { ttl: ttl.min })
    const session = await atMost(ttl.min + expirySlack, 'the end of the key', async () => {
      const opened = await kv.session({ ttl: ttl.min })
      await kv.put('bound', 'x', { session: opened })
      await waitFor(async () => !(await kv.exists('mortal')), { what: 'the key to go' })
      return opened
    })
    expect(performance.now() - start).toBeGreaterThanOrEqual(ttl.min)
    expect(session.isAlive()).toBe(true)
    await session.close()
    expect(await kv.exists('bound')).toBe(false)
  })

  it('is INVALID_OPTION for a ttl that these servers do not grant, and leaves nothing there', async () => {
    await using kv = zookeeper(servers().endpoints, { tickTime: 500 })
    const refusal = { code: 'INVALID_OPTION', message: expect.stringMatching(/no less than 4000/) }
    await expect(kv.session({ ttl: 1_000 })).rejects.toMatchObject(refusal)
    await expect(kv.put('short', 'x', { ttl: 1_000 })).rejects.toMatchObject(refusal)
    expect(await kv.exists('short')).toBe(false)
  })

  it('is INVALID_OPTION for a tickTime that is longer than the sessions of these servers', async () => {
    await using kv = zookeeper(servers().endpoints, { tickTime: 40_000 })
    await expect(kv.session({ ttl: 80_000 })).rejects.toMatchObject({
      code: 'INVALID_OPTION',
      message: expect.stringMatching(/tickTime is 40000; these servers grant no more than 40000/),
    })
  })

  it('takes a longer ttl than servers grant to sessions', async () => {
    await using kv = zookeeper(servers().endpoints)
    await kv.put('long', 'x', { ttl: 24 * 3_600_000 })
    const session = await kv.session({ ttl: 24 * 3_600_000 })
    expect(session.isAlive()).toBe(true)
    expect((await kv.get('long'))?.text()).toBe('x')
  })
})
