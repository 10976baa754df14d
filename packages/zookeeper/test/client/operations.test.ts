import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals'
import { waitFor } from '@libkv/testing'
import { startServers } from '@libkv/testing/servers'
import type { Servers } from '@libkv/testing/servers'
import {
  CREATOR_ALL,
  digestIdentity,
  isZooKeeperError,
  OPEN,
  PERMISSION,
  READ_ONLY,
} from '../../src/client/index.ts'
import type { ZooKeeperClient } from '../../src/client/index.ts'
import { bytes, clientOf, failureOf, textOf } from './support.ts'

describe('a ZooKeeper client', () => {
  let servers: Servers
  let client: ZooKeeperClient
  let root: string
  let tests = 0
  beforeAll(async () => {
    servers = await startServers('zookeeper')
    client = clientOf(servers.endpoints)
  })
  afterAll(async () => {
    await client.close()
    await servers[Symbol.asyncDispose]()
  })
  beforeEach(async () => {
    root = `/test-${++tests}`
    await client.create(root, null)
  })

  it('creates, reads, writes and deletes', async () => {
    const path = `${root}/a`
    const created = await client.create(path, bytes('1'))
    expect(created).toMatchObject({ path, stat: { version: 0, dataLength: 1, numChildren: 0 } })
    expect(created.stat.czxid).toBe(created.stat.mzxid)
    expect(Math.abs(created.stat.ctime - Date.now())).toBeLessThan(60_000)
    const written = await client.set(path, bytes('22'))
    expect(written).toMatchObject({ version: 1, dataLength: 2, czxid: created.stat.czxid })
    expect(written.mzxid).toBeGreaterThan(written.czxid)
    const read = await client.get(path)
    expect(textOf(read?.data)).toBe('22')
    expect(read?.stat).toEqual(written)
    expect(await client.exists(path)).toEqual(written)
    expect(client.lastZxid).toBeGreaterThanOrEqual(written.mzxid)
    await client.delete(path, 1)
    expect(await client.exists(path)).toBeNull()
    expect(await client.get(path)).toBeNull()
    expect(await client.children(path)).toBeNull()
    expect(await client.getAcl(path)).toBeNull()
  })

  it('keeps null and empty data apart', async () => {
    await client.create(`${root}/null`, null)
    await client.create(`${root}/empty`, new Uint8Array())
    expect((await client.get(`${root}/null`))?.data).toBeNull()
    expect((await client.get(`${root}/empty`))?.data).toHaveLength(0)
    await client.set(`${root}/null`, new Uint8Array())
    await client.set(`${root}/empty`, null)
    expect((await client.get(`${root}/null`))?.data).toHaveLength(0)
    expect((await client.get(`${root}/empty`))?.data).toBeNull()
  })

  it('carries any bytes, and as many as servers take', async () => {
    const everyByte = Uint8Array.from({ length: 256 }, (_, i) => i)
    await client.create(`${root}/bytes`, everyByte)
    expect([...((await client.get(`${root}/bytes`))?.data ?? [])]).toEqual([...everyByte])
    const large = new Uint8Array(1_000_000).fill(7)
    await client.create(`${root}/large`, large)
    expect((await client.get(`${root}/large`))?.data).toHaveLength(1_000_000)
  })

  it('sends the data that it was given, whatever becomes of the array', async () => {
    const data = bytes('before')
    const created = client.create(`${root}/a`, data)
    data.fill(0)
    await created
    expect(textOf((await client.get(`${root}/a`))?.data)).toBe('before')
  })

  it('refuses a request that servers would hang up on, and goes on', async () => {
    const error = await failureOf(client.create(`${root}/large`, new Uint8Array(1_100_000)))
    expect(error).toMatchObject({
      code: 'TOO_LARGE',
      mayHaveHappened: false,
      operation: 'create',
      path: `${root}/large`,
    })
    expect(client.state).toBe('connected')
    expect(await client.exists(`${root}/large`)).toBeNull()
  })

  it.each([
    '',
    'a',
    '/a/',
    '//',
    '/a//b',
    '/.',
    '/a/..',
    '/a/./b',
    '/\u0000',
    '/\u0019',
    '/\u{1f600}',
  ])('refuses the path %j before it is sent', async (path) => {
    for (const call of [
      client.create(path, null),
      client.get(path),
      client.set(path, null),
      client.delete(path),
      client.multi([{ type: 'check', path }]),
      client.multiRead([{ type: 'get', path }]),
    ]) {
      expect(await failureOf(call)).toMatchObject({
        code: 'BAD_ARGUMENTS',
        mayHaveHappened: false,
      })
    }
  })

  it('accepts the paths that servers accept', async () => {
    for (const name of ['...', '.a', 'a b', '\u4e16\u754c', '\u0436', '%2F', '\uf900', '-', '~']) {
      await client.create(`${root}/${name}`, null)
    }
    expect((await client.children(root))?.children).toHaveLength(9)
  })

  it('says what the server said', async () => {
    const path = `${root}/a`
    expect(await failureOf(client.set(path, null))).toMatchObject({
      code: 'NO_NODE',
      operation: 'set',
      path,
      mayHaveHappened: false,
    })
    await client.create(path, null)
    await client.create(`${path}/b`, null)
    const failures = [
      [client.create(path, null), 'NODE_EXISTS'],
      [client.create(`${root}/x/y`, null), 'NO_NODE'],
      [client.set(path, null, 7), 'BAD_VERSION'],
      [client.delete(path, 7), 'BAD_VERSION'],
      [client.delete(path), 'NOT_EMPTY'],
      [client.delete(`${root}/none`), 'NO_NODE'],
      [client.create(`${root}/acl`, null, { acl: [] }), 'INVALID_ACL'],
      [client.setAcl(path, OPEN, 7), 'BAD_VERSION'],
    ] as const
    for (const [call, code] of failures) {
      const error = await failureOf(call)
      expect(error).toMatchObject({ code, mayHaveHappened: false })
      expect(isZooKeeperError(error, code)).toBe(true)
      expect(error.message).toContain(code)
    }
  })

  it('numbers sequential nodes', async () => {
    const options = { mode: 'persistentSequential' } as const
    const paths = []
    for (let i = 0; i < 3; i++) {
      paths.push((await client.create(`${root}/n-`, null, options)).path)
    }
    const [first = ''] = paths
    expect(first).toMatch(/\/n-\d{10}$/)
    expect([...paths].sort()).toEqual(paths)
    const bare = await client.create(`${root}/`, null, options)
    expect(bare.path).toMatch(/\/\d{10}$/)
    expect((await client.children(root))?.children).toHaveLength(4)
  })

  it('makes ephemeral nodes that belong to its session, and go with it', async () => {
    await using other = clientOf(servers.endpoints)
    const { stat } = await other.create(`${root}/e`, null, { mode: 'ephemeral' })
    await other.create(`${root}/s-`, null, { mode: 'ephemeralSequential' })
    expect(stat.ephemeralOwner).toBe(other.sessionId)
    const { code } = await failureOf(other.create(`${root}/e/child`, null))
    expect(code).toBe('NO_CHILDREN_FOR_EPHEMERALS')
    expect((await client.children(root))?.children).toHaveLength(2)
    await other.close()
    expect((await client.children(root))?.children).toHaveLength(0)
  })

  it('makes containers, which go after their last child', async () => {
    await client.create(`${root}/c`, null, { mode: 'container' })
    await client.create(`${root}/c/child`, null)
    await client.delete(`${root}/c/child`)
    await waitFor(async () => (await client.exists(`${root}/c`)) === null, {
      what: 'the container to go',
    })
  })

  it('makes nodes that go when they were not written for a while', async () => {
    await client.create(`${root}/ttl`, null, { ttl: 300 })
    const { path } = await client.create(`${root}/ttl-`, null, {
      ttl: 300,
      mode: 'persistentSequential',
    })
    expect(path).toMatch(/\d{10}$/)
    await client.create(`${root}/long`, null, { ttl: 2 ** 40 - 1 })
    await waitFor(async () => (await client.children(root))?.children.join() === 'long', {
      what: 'the nodes to go',
    })
  })

  it.each([
    { ttl: 0 },
    { ttl: -1 },
    { ttl: 1.5 },
    { ttl: Number.NaN },
    { ttl: 2 ** 40 },
    { ttl: 1, mode: 'ephemeral' },
    { ttl: 1, mode: 'container' },
  ] as const)('refuses to create with %j', async (options) => {
    expect(await failureOf(client.create(`${root}/x`, null, options))).toMatchObject({
      code: 'BAD_ARGUMENTS',
    })
  })

  it('refuses a version that is no integer of 32 bits', async () => {
    expect(await failureOf(client.set(root, null, 2 ** 40))).toMatchObject({
      code: 'BAD_ARGUMENTS',
    })
    expect(await client.get(root)).not.toBeNull()
  })

  it('does several writes at once, at one zxid', async () => {
    await client.create(`${root}/a`, bytes('1'))
    const results = await client.multi([
      { type: 'check', path: root },
      { type: 'create', path: `${root}/b`, data: bytes('b') },
      { type: 'create', path: `${root}/c`, data: null, mode: 'container' },
      { type: 'create', path: `${root}/t`, data: null, ttl: 60_000 },
      { type: 'create', path: `${root}/s-`, data: null, mode: 'ephemeralSequential' },
      { type: 'set', path: `${root}/a`, data: null, version: 0 },
      { type: 'delete', path: `${root}/b`, version: 0 },
    ])
    expect(results.map(({ type }) => type)).toEqual([
      'check',
      'create',
      'create',
      'create',
      'create',
      'set',
      'delete',
    ])
    const [, , container, ttl, sequential, set] = results
    if (set?.type !== 'set' || sequential?.type !== 'create') throw new Error('other types')
    expect(set.stat).toMatchObject({ version: 1, dataLength: 0, mzxid: set.zxid })
    expect(results.every(({ zxid }) => zxid === set.zxid)).toBe(true)
    expect([container, ttl]).toMatchObject([{ stat: { version: 0 } }, { stat: { version: 0 } }])
    expect(sequential.path).toMatch(/\/s-\d{10}$/)
    const stat = await client.exists(sequential.path)
    expect(stat).toMatchObject({ czxid: set.zxid, ephemeralOwner: client.sessionId })
    // ZOOKEEPER-4026
    if (servers.version !== '3.8.0') expect(sequential.stat).toEqual(stat)
    expect(await client.multi([])).toEqual([])
  })

  it('does none of several writes if one cannot be done, and says which', async () => {
    const error = await failureOf(
      client.multi([
        { type: 'create', path: `${root}/a`, data: null },
        { type: 'check', path: root, version: 5 },
        { type: 'delete', path: `${root}/none` },
      ]),
    )
    expect(error).toMatchObject({
      code: 'BAD_VERSION',
      failedIndex: 1,
      codes: [undefined, 'BAD_VERSION', 'ROLLED_BACK'],
      path: root,
      operation: 'multi',
      mayHaveHappened: false,
    })
    expect(await client.exists(`${root}/a`)).toBeNull()
  })

  it('does many reads at once', async () => {
    await client.create(`${root}/a`, bytes('1'))
    await client.create(`${root}/secret`, bytes('2'), {
      acl: [{ permissions: PERMISSION.all, ...digestIdentity('somebody', 'else') }],
    })
    const results = await client.multiRead([
      { type: 'get', path: `${root}/a` },
      { type: 'children', path: root },
      { type: 'get', path: `${root}/none` },
      { type: 'children', path: `${root}/none` },
      { type: 'get', path: `${root}/secret` },
    ])
    const [a, children, none, noChildren, secret] = results
    expect(a).toMatchObject({ type: 'get', data: bytes('1'), stat: { version: 0 } })
    expect(children).toMatchObject({
      type: 'children',
      children: expect.arrayContaining(['a', 'secret']),
    })
    expect([none, noChildren]).toEqual([null, null])
    expect(secret).toMatchObject({ code: 'NO_AUTH', path: `${root}/secret` })
    expect(await client.multiRead([])).toEqual([])
  })

  it('reads answers that are much larger than requests may be', async () => {
    const names = Array.from({ length: 30 }, (_, i) => `${root}/large-${i}`)
    for (const path of names) await client.create(path, new Uint8Array(500_000).fill(1))
    const results = await client.multiRead(names.map((path) => ({ type: 'get', path })))
    const sizes = results.map((result) =>
      result !== null && 'data' in result ? result.data?.length : 0,
    )
    expect(sizes).toEqual(names.map(() => 500_000))
  })

  it('answers in the order of the calls', async () => {
    const order: number[] = []
    await Promise.all(
      Array.from({ length: 500 }, async (_, i) => {
        if (i % 3 === 0) await client.create(`${root}/${i}`, null)
        else if (i % 3 === 1) await client.exists(`${root}/${i - 1}`)
        else await client.delete(`${root}/${i - 2}`)
        order.push(i)
      }),
    )
    expect(order).toEqual(Array.from({ length: 500 }, (_, i) => i))
  })

  it('sends more than a connection takes, without losing or reordering anything', async () => {
    const data = new Uint8Array(100_000).fill(1)
    await client.create(`${root}/big`, null)
    const stats = await Promise.all(
      Array.from({ length: 200 }, () => client.set(`${root}/big`, data)),
    )
    expect(stats.map(({ version }) => version)).toEqual(
      Array.from({ length: 200 }, (_, i) => i + 1),
    )
    const many = await Promise.all(Array.from({ length: 10_000 }, () => client.exists(root)))
    expect(many.every((stat) => stat !== null)).toBe(true)
  })

  it('waits for the leader, and tells how far the server has come', async () => {
    const zxids: bigint[] = []
    const answered = (zxid: bigint): number => zxids.push(zxid)
    const { flushes } = client
    await client.sync(root, { answered })
    expect(client.flushes).toBe(flushes + 1)
    await Promise.all([client.sync(root, { answered }), client.get(root, { answered })])
    expect(client.flushes).toBe(flushes + 2)
    expect(zxids).toEqual([client.lastZxid, client.lastZxid, client.lastZxid])
    await failureOf(client.get('not a path', { answered }))
    expect(zxids).toHaveLength(3)
  })

  it('reads and writes ACLs', async () => {
    expect((await client.getAcl(root))?.acl).toEqual(OPEN)
    const stat = await client.setAcl(root, READ_ONLY, 0)
    expect(stat.aversion).toBe(1)
    expect((await client.getAcl(root))?.acl).toEqual(READ_ONLY)
    expect(await failureOf(client.create(`${root}/x`, null))).toMatchObject({ code: 'NO_AUTH' })
  })

  it('proves identities, and keeps out whoever does not', async () => {
    const auth = { scheme: 'digest', auth: 'alice:s3cret' }
    await using alice = clientOf(servers.endpoints, { auth: [auth] })
    await alice.create(`${root}/hers`, bytes('x'), { acl: CREATOR_ALL })
    expect((await alice.getAcl(`${root}/hers`))?.acl).toEqual([
      { permissions: PERMISSION.all, ...digestIdentity('alice', 's3cret') },
    ])
    expect(await alice.whoAmI()).toContainEqual({ scheme: 'digest', id: 'alice' })
    await using bob = clientOf(servers.endpoints)
    const error = await failureOf(bob.get(`${root}/hers`))
    expect(error).toMatchObject({ code: 'NO_AUTH', path: `${root}/hers` })
    await bob.addAuth(auth)
    expect(textOf((await bob.get(`${root}/hers`))?.data)).toBe('x')
  })

  it('lives below its chroot', async () => {
    await using inner = clientOf(servers.endpoints, { chroot: root })
    expect((await inner.create('/a', null)).path).toBe('/a')
    const { path } = await inner.create('/s-', null, { mode: 'persistentSequential' })
    expect(path).toMatch(/^\/s-\d{10}$/)
    expect((await inner.children('/'))?.children).toHaveLength(2)
    expect(await client.exists(`${root}/a`)).not.toBeNull()
    const [result] = await inner.multi([{ type: 'create', path: '/b', data: null }])
    expect(result).toMatchObject({ path: '/b' })
    const [read] = await inner.multiRead([{ type: 'get', path: '/b' }])
    expect(read).toMatchObject({ data: null })
    expect(await failureOf(inner.create('/a', null))).toMatchObject({ path: '/a' })
    expect(() => clientOf(servers.endpoints, { chroot: 'x/' })).toThrow('not a path')
  })

  it('refuses servers that are none', () => {
    for (const server of ['', ':2181', 'host:', 'host:0', 'host:70000', '[::1', 'a:b:c']) {
      expect(() => clientOf([server])).toThrow(expect.objectContaining({ code: 'BAD_ARGUMENTS' }))
    }
    expect(() => clientOf([])).toThrow('no servers')
  })

  it.each([
    { sessionTimeout: 0 },
    { sessionTimeout: Number.NaN },
    { connectTimeout: -1 },
    { closeTimeout: 2 ** 31 },
    { maxRequest: 1_000 },
    { maxFrame: 0 },
    { session: { id: 1n, password: new Uint8Array(999) } },
    { chroot: '/a//b' },
  ])('refuses the options %p', (options) => {
    expect(() => clientOf(servers.endpoints, options)).toThrow(
      expect.objectContaining({ code: 'BAD_ARGUMENTS' }),
    )
  })

  it('finds servers by name', async () => {
    const port = servers.endpoints[0]?.split(':')[1] ?? ''
    await using named = clientOf([`localhost:${port}`])
    await named.connect()
    expect(named.state).toBe('connected')
  })
})
