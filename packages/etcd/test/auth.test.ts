import { describe, expect, it } from '@jest/globals'
import { Etcd3 } from 'etcd3'
import { waitFor } from '@libkv/testing'
import { accessControlCases, denied } from '@libkv/testing/backend-cases/access-control'
import { openOn } from '@libkv/testing/backend-cases/backend-under-test'
import { Follower } from '@libkv/testing/backend-cases/follower'
import { runningServers } from '@libkv/testing/backend-cases/running-servers'
import type { EtcdCredentials } from '@libkv/testing/servers'
import { etcdUnderTest } from './etcd-under-test.ts'

describe('etcd with users and roles', () => {
  const servers = runningServers('etcd', { security: 'auth' })

  accessControlCases(etcdUnderTest, servers, {
    wrong: { options: { username: 'alice', password: 'wrong-password' }, secret: 'wrong-password' },
    openRestricted: (running) => openOn(etcdUnderTest, running),
    own: 'app',
    foreign: 'other',
  })

  it('is ACCESS_DENIED for all keys where only some of them are granted', async () => {
    await using kv = openOn(etcdUnderTest, servers())
    await expect(kv.list('')).rejects.toMatchObject(denied)
  })

  it('goes on after the users were changed', async () => {
    await using kv = openOn(etcdUnderTest, servers())
    await kv.put('app/before', 'x')
    const { root: auth } = servers().credentials as EtcdCredentials
    const root = new Etcd3({ hosts: [...servers().endpoints], auth })
    await root.user('newcomer').create('password')
    await root.user('newcomer').delete()
    root.close()
    await kv.put('app/after', 'x')
  })
})

describe('etcd with JWT that expire after 3 s', () => {
  const jwt = 'jwt,pub-key={conf}/jwt.pub,priv-key={conf}/jwt.key,sign-method=RS256,ttl=3s'
  const servers = runningServers('etcd', { security: 'auth', args: ['--auth-token', jwt] })

  it('keeps calls, watches and sessions going', async () => {
    await using kv = openOn(etcdUnderTest, servers())
    const session = await kv.session({ ttl: 2_000 })
    await kv.put('app/bound', 'x', { session })
    const follower = await new Follower(kv, 'app/jwt').started()
    const start = performance.now()
    for (let i = 0; performance.now() - start < 5_000; i++) {
      await kv.put(`app/jwt/key`, String(i))
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
    const last = (await kv.get('app/jwt/key'))?.text()
    await waitFor(() => follower.state?.[0]?.text() === last, { what: 'the last value' })
    expect(follower.violations).toEqual([])
    await follower.stop()
    expect(session.isAlive()).toBe(true)
    expect(await kv.exists('app/bound')).toBe(true)
  })

  it('goes on after the users were changed, where etcd3 stays locked out', async () => {
    const credentials = servers().credentials as EtcdCredentials
    await using kv = openOn(etcdUnderTest, servers())
    const { username, password } = credentials
    const raw = new Etcd3({ hosts: [...servers().endpoints], auth: { username, password } })
    const root = new Etcd3({ hosts: [...servers().endpoints], auth: credentials.root })
    try {
      await kv.put('app/before', 'x')
      await raw.put('app/before').value('x')
      await root.user('newcomer').create('password')
      await kv.put('app/after', 'x')
      await expect(raw.put('app/after').value('x').exec()).rejects.toThrow(/auth store is old/)
    } finally {
      raw.close()
      root.close()
    }
  })
})
