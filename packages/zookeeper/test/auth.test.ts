import { beforeAll, describe, expect, it } from '@jest/globals'
import { systemRuntime } from '@libkv/core/driver'
import { OPEN, READ_ONLY } from '@libkv/zookeeper'
import type { ZooKeeperOptions } from '@libkv/zookeeper'
import { accessControlCases, denied } from '@libkv/testing/backend-cases/access-control'
import { openOn } from '@libkv/testing/backend-cases/backend-under-test'
import { runningServers } from '@libkv/testing/backend-cases/running-servers'
import { startServers } from '@libkv/testing/servers'
import { ZooKeeperClient } from '../src/client/index.ts'
import { zookeeperUnderTest } from './zookeeper-under-test.ts'

describe('zookeeper with access control', () => {
  const servers = runningServers('zookeeper', { security: 'auth' })

  beforeAll(async () => {
    const auth = { scheme: 'digest', username: 'bob', password: 'bob-password' } as const
    const access: ZooKeeperOptions = { auth }
    await using bob = openOn(zookeeperUnderTest, servers(), access)
    await bob.put('other/key', 'x')
  })

  accessControlCases(zookeeperUnderTest, servers, {
    wrong: {
      options: { auth: { scheme: 'digest', username: 'alice', password: 'wrong-password' } },
      secret: 'wrong-password',
    },
    openRestricted: (running) => openOn(zookeeperUnderTest, running),
    own: 'app',
    foreign: 'other',
  })

  it('keeps what it creates to itself, unless its acl says otherwise', async () => {
    const [endpoint = ''] = servers().endpoints
    await using kv = openOn(zookeeperUnderTest, servers())
    await kv.put('app/private', 'x')
    const shared: ZooKeeperOptions = { acl: OPEN }
    await using open = openOn(zookeeperUnderTest, servers(), shared)
    await open.put('shared/key', 'x')
    await using nobody = zookeeperUnderTest.openAt([endpoint])
    await expect(nobody.get('app/private')).rejects.toMatchObject(denied)
    expect((await nobody.get('shared/key'))?.text()).toBe('x')
    const pair = await nobody.put('shared/key', 'y')
    await nobody.put('shared/new', 'z')
    expect((await kv.atomicPut('shared/key', 'z', pair)).text()).toBe('z')
  })

  it('gets along with a root that is closed, below a chroot that is its own', async () => {
    await using closed = await startServers('zookeeper', { security: 'auth' })
    const raw = new ZooKeeperClient({ servers: closed.endpoints, runtime: systemRuntime })
    await raw.setAcl('/', READ_ONLY)
    await raw.close()
    await using outside = openOn(zookeeperUnderTest, closed)
    await expect(outside.put('app/key', 'x')).rejects.toMatchObject({
      ...denied,
      message: expect.stringMatching(/%libkv.*chroot/),
    })
    const options: ZooKeeperOptions = { chroot: '/app' }
    await using kv = openOn(zookeeperUnderTest, closed, options)
    const pair = await kv.put('a/b', '1')
    await kv.atomicPut('a/b', '2', pair)
    await using held = await kv.newLock('job').lock()
    expect(held.isHeld()).toBe(true)
    expect(await kv.keys('')).toEqual(['a/b', 'job'])
    expect((await outside.get('app/a/b'))?.text()).toBe('2')
    for await (const { pairs } of kv.watchTree('')) {
      expect(pairs.map(({ key }) => key)).toEqual(['a/b', 'job'])
      break
    }
  })

  it('says that a chroot does not exist', async () => {
    const options: ZooKeeperOptions = { chroot: '/nowhere' }
    await using kv = openOn(zookeeperUnderTest, servers(), options)
    expect(await kv.get('key')).toBeNull()
    await expect(kv.put('key', 'x')).rejects.toMatchObject({
      code: 'INVALID_OPTION',
      message: expect.stringMatching(/nowhere/),
    })
  })
})
