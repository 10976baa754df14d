import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals'
import { waitFor } from '@libkv/testing'
import { FaultProxy, startServers } from '@libkv/testing/servers'
import type { Servers } from '@libkv/testing/servers'
import type { ZooKeeperClient } from '../../src/client/index.ts'
import { manyWatchesCase } from './many-watches.ts'
import { bytes, clientOf, recorder, statesOf } from './support.ts'

describe('watches on a server', () => {
  let servers: Servers
  let proxy: FaultProxy
  let writer: ZooKeeperClient
  let client: ZooKeeperClient
  let root: string
  let tests = 0
  beforeAll(async () => {
    servers = await startServers('zookeeper')
    proxy = await FaultProxy.to(servers.endpoints[0] ?? '')
    writer = clientOf(servers.endpoints)
    client = clientOf([proxy.endpoint])
  })
  afterAll(async () => {
    await Promise.all([writer.close(), client.close()])
    await proxy[Symbol.asyncDispose]()
    await servers[Symbol.asyncDispose]()
  })
  beforeEach(async () => {
    root = `/watch-${++tests}`
    await writer.create(root, null)
  })

  const heardAll = async (heard: readonly string[], expected: readonly string[]): Promise<void> => {
    await waitFor(() => heard.length >= expected.length, { what: `hearing of ${expected.join()}` })
    // Whatever else the server has to say to this session comes before this answer.
    await client.sync('/')
    expect(heard).toEqual(expected)
  }

  it('call back once when a node that was read changes or goes', async () => {
    const changed = recorder()
    await client.get(root, undefined, changed.listener)
    await writer.set(root, bytes('1'))
    await writer.set(root, bytes('2'))
    await heardAll(changed.heard, [`changed ${root}`])
    const deleted = recorder()
    await client.exists(root, undefined, deleted.listener)
    await writer.delete(root)
    await heardAll(deleted.heard, [`deleted ${root}`])
  })

  it('call back once when a node comes that was not there', async () => {
    const { heard, listener } = recorder()
    const unheard = recorder()
    const path = `${root}/a`
    expect(await client.exists(path, undefined, listener)).toBeNull()
    expect(await client.get(path, undefined, unheard.listener)).toBeNull()
    await writer.create(path, null)
    await writer.delete(path)
    await heardAll(heard, [`created ${path}`])
    expect(unheard.heard).toEqual([])
  })

  it('call back once when children come or go', async () => {
    const { heard, listener } = recorder()
    await client.children(root, undefined, listener)
    await writer.set(root, bytes('1'))
    await writer.create(`${root}/a`, null)
    await writer.create(`${root}/b`, null)
    await heardAll(heard, [`childrenChanged ${root}`])
  })

  it('call back before anything shows what they report', async () => {
    for (let i = 0; i < 100; i++) {
      const { heard, listener } = recorder()
      await client.get(root, undefined, listener)
      const write = writer.set(root, bytes(String(i)))
      const reads = await Promise.all(
        Array.from({ length: 20 }, async () => {
          const node = await client.get(root)
          return { version: node?.stat.version, heard: heard.length }
        }),
      )
      const { version } = await write
      expect(reads.filter((read) => read.version === version && read.heard === 0)).toEqual([])
    }
  })

  it('that persist call back each time, and with the zxid', async () => {
    const zxids: (bigint | undefined)[] = []
    const { heard, listener } = recorder()
    await client.watch(root, 'persistent', (event) => {
      listener(event)
      zxids.push(event.zxid)
    })
    const { mzxid } = await writer.set(root, bytes('1'))
    await writer.create(`${root}/a`, null)
    await writer.set(`${root}/a`, null)
    await writer.delete(`${root}/a`)
    await writer.delete(root)
    await heardAll(heard, [
      `changed ${root}`,
      `childrenChanged ${root}`,
      `childrenChanged ${root}`,
      `deleted ${root}`,
    ])
    if (/^3\.(9|\d\d)/.test(servers.version)) expect(zxids[0]).toBe(mzxid)
    else expect(zxids[0]).toBeUndefined()
  })

  it('that are recursive call back for all below', async () => {
    const { heard, listener } = recorder()
    const path = `${root}/tree`
    await client.watch(path, 'persistentRecursive', listener)
    await writer.create(`${root}/tree-beside`, null)
    await writer.create(path, null)
    await writer.create(`${path}/a`, null)
    await writer.set(`${path}/a`, bytes('1'))
    await writer.delete(`${path}/a`)
    await heardAll(heard, [
      `created ${path}`,
      `created ${path}/a`,
      `changed ${path}/a`,
      `deleted ${path}/a`,
    ])
  })

  it('report paths below the chroot', async () => {
    await using inner = clientOf(servers.endpoints, { chroot: root })
    const { heard, listener } = recorder()
    const all = recorder()
    await inner.exists('/a', undefined, listener)
    await inner.watch('/', 'persistentRecursive', all.listener)
    await writer.create(`${root}/a`, null)
    await writer.set(root, bytes('1'))
    await waitFor(() => all.heard.length === 2, { what: 'two events' })
    expect(heard).toEqual(['created /a'])
    expect(all.heard).toEqual(['created /a', 'changed /'])
  })

  it('are in force again after the connection was lost', async () => {
    const once = recorder()
    const missed = recorder()
    const lasting = recorder()
    const tree = recorder()
    await writer.create(`${root}/missed`, null)
    await client.get(root, undefined, once.listener)
    await client.get(`${root}/missed`, undefined, missed.listener)
    await client.watch(root, 'persistent', lasting.listener)
    await client.watch(`${root}/tree`, 'persistentRecursive', tree.listener)
    const states = statesOf(client)
    await proxy.down()
    await waitFor(() => client.state === 'connecting', { what: 'the client to notice' })
    await writer.set(`${root}/missed`, bytes('1'))
    await proxy.up()
    await waitFor(() => client.state === 'connected', { what: 'the client to be back' })
    // Answered after the watches are set again: persistent ones miss what happens before.
    await client.sync('/')
    await writer.set(root, bytes('2'))
    await writer.create(`${root}/tree`, null)
    await heardAll(tree.heard, [`created ${root}/tree`])
    expect(states.at(-1)).toMatchObject({ type: 'connected', resumed: true })
    expect(missed.heard).toEqual([`changed ${root}/missed`])
    expect(once.heard).toEqual([`changed ${root}`])
    expect(lasting.heard).toContain(`changed ${root}`)
  })

  manyWatchesCase(() => ({ client, writer, proxy, root }), 2_500)

  it('are not in force any more when they were removed', async () => {
    const { heard, listener } = recorder()
    const other = recorder()
    await client.get(root, undefined, listener)
    await client.watch(root, 'persistent', listener)
    await client.watch(root, 'persistent', other.listener)
    await client.removeWatch(root, listener)
    await writer.set(root, bytes('1'))
    await heardAll(other.heard, [`changed ${root}`])
    await client.removeWatch(root, other.listener)
    await client.removeWatch(root, other.listener)
    await writer.set(root, bytes('2'))
    await client.sync('/')
    expect(heard).toEqual([])
    expect(other.heard).toEqual([`changed ${root}`])
    // And the server does not watch either: another listener is told of what it asked for, no more.
    await client.exists(root, undefined, listener)
    await writer.set(root, bytes('3'))
    await heardAll(heard, [`changed ${root}`])
  })

  it('that are removed while another is asked for leave that alone', async () => {
    const gone = recorder()
    const { heard, listener } = recorder()
    await client.watch(root, 'persistent', gone.listener)
    await Promise.all([
      client.get(root, undefined, listener),
      client.removeWatch(root, gone.listener),
      client.children(root),
    ])
    await writer.set(root, bytes('1'))
    await heardAll(heard, [`changed ${root}`])
    expect(gone.heard).toEqual([])
  })

  it('are gone with the session, and the owner is told', async () => {
    await using mortal = clientOf(servers.endpoints, { renew: true, sessionTimeout: 500 })
    const { heard, listener } = recorder()
    const states = statesOf(mortal)
    await mortal.watch(root, 'persistent', listener)
    const first = mortal.sessionId
    // Whoever resumes a session takes it over, and may end it.
    await using thief = clientOf(servers.endpoints, {
      session: { id: first, password: mortal.sessionPassword },
    })
    await thief.connect()
    expect(thief.sessionId).toBe(first)
    await thief.close()
    await waitFor(() => states.some(({ type }) => type === 'expired'), { what: 'the end' })
    await waitFor(() => mortal.state === 'connected', { what: 'another session' })
    expect(mortal.sessionId).not.toBe(first)
    expect(states.at(-1)).toMatchObject({ type: 'connected', resumed: false })
    await writer.set(root, bytes('1'))
    await mortal.sync('/')
    expect(heard).toEqual([])
  })
})
