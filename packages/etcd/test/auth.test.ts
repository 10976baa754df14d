import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { check, put, sessionChannel } from '@libkv/core'
import type { SessionMessage } from '@libkv/core'
import { etcd } from '@libkv/etcd'
import { Etcd3 } from 'etcd3'
import { startServers, waitFor } from '../../../tooling/servers/index.ts'
import type { EtcdCredentials, Servers } from '../../../tooling/servers/index.ts'
import { Follower, open } from './support.ts'

const denied = { code: 'ACCESS_DENIED', retryable: false, ambiguous: false }

describe('access control of etcd', () => {
  let servers: Servers<'etcd'>
  let credentials: EtcdCredentials
  beforeAll(async () => {
    servers = await startServers('etcd', { security: 'auth' })
    credentials = servers.credentials as EtcdCredentials
  })
  afterAll(async () => {
    await servers[Symbol.asyncDispose]()
  })

  it('lets a user do what is granted', async () => {
    await using kv = open(servers)
    await kv.put('app/key', 'x')
    expect(await kv.keys('app')).toContain('app/key')
  })

  it('is ACCESS_DENIED with a wrong password', async () => {
    await using kv = open(servers, { password: 'wrong-password' })
    const error = await kv.get('app/key').catch((reason: unknown) => reason)
    expect(error).toMatchObject(denied)
    expect(String(error)).not.toContain('wrong-password')
  })

  it('is ACCESS_DENIED without a user', async () => {
    await using kv = etcd(servers.endpoints)
    await expect(kv.get('app/key')).rejects.toMatchObject(denied)
  })

  it('is ACCESS_DENIED outside of what is granted, for every call', async () => {
    await using kv = open(servers)
    const pair = await kv.put('app/pair', 'x')
    const calls = [
      () => kv.get('other'),
      () => kv.exists('other'),
      () => kv.list('other'),
      () => kv.list(''),
      () => kv.put('other', 'x'),
      () => kv.put('other', 'x', { ttl: 5_000 }),
      () => kv.delete('other'),
      () => kv.deleteTree('other'),
      () => kv.atomicPut('other', 'x', null),
      () => kv.transaction([check('app/pair', pair), put('other', 'x')]),
      () => kv.transaction([check('other', null), put('app/pair', 'x')]),
      () => kv.newLock('other').lock({ timeout: 5_000 }),
    ]
    for (const call of calls) await expect(call()).rejects.toMatchObject(denied)
  })

  it('ends a watch that it forbids by throwing, and leaves later watches alone', async () => {
    await using kv = open(servers)
    const forbidden = kv.watch('other')[Symbol.asyncIterator]()
    await expect(forbidden.next()).rejects.toMatchObject(denied)
    const allowed = kv.watch('app/after')[Symbol.asyncIterator]()
    expect(await allowed.next()).toEqual({ done: false, value: null })
    await allowed.return?.()
  })

  it('lets a user who may not read it find out whether the store answers', async () => {
    await using kv = open(servers)
    await kv.ready()
  })

  it('goes on through a restart of the server, which forgets all tokens: calls, watches, sessions', async () => {
    await using kv = open(servers)
    const session = await kv.session({ ttl: 5_000 })
    await kv.put('app/bound', 'x', { session })
    const follower = await new Follower(kv, 'app/restart').started()
    await servers.nodes[0]?.restart()
    await waitFor(() => kv.put('app/restart/key', 'x'), { what: 'a write after the restart' })
    await follower.has(['app/restart/key'])
    await follower.stop()
    await renewal(session.id)
    expect(session.isAlive()).toBe(true)
    expect(await kv.exists('app/bound')).toBe(true)
  })

  it('goes on after the users were changed', async () => {
    await using kv = open(servers)
    await kv.put('app/before', 'x')
    const root = new Etcd3({ hosts: [...servers.endpoints], auth: credentials.root })
    await root.user('newcomer').create('password')
    await root.user('newcomer').delete()
    root.close()
    await kv.put('app/after', 'x')
  })
})

describe('etcd with JWT that expire after 3 s', () => {
  let servers: Servers<'etcd'>
  beforeAll(async () => {
    const jwt = 'jwt,pub-key={conf}/jwt.pub,priv-key={conf}/jwt.key,sign-method=RS256,ttl=3s'
    servers = await startServers('etcd', { security: 'auth', args: ['--auth-token', jwt] })
  })
  afterAll(async () => {
    await servers[Symbol.asyncDispose]()
  })

  it('keeps calls, watches and sessions going', async () => {
    await using kv = open(servers)
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
    const credentials = servers.credentials as EtcdCredentials
    await using kv = open(servers)
    const { username, password } = credentials
    const raw = new Etcd3({ hosts: [...servers.endpoints], auth: { username, password } })
    const root = new Etcd3({ hosts: [...servers.endpoints], auth: credentials.root })
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

/** Resolves when a session was renewed. */
async function renewal(id: string): Promise<void> {
  let renewed = false
  const onMessage = (message: unknown): void => {
    const { id: which, event } = message as SessionMessage
    if (which === id && event === 'renewed') renewed = true
  }
  sessionChannel.subscribe(onMessage)
  try {
    await waitFor(() => renewed, { what: 'the session to be renewed' })
  } finally {
    sessionChannel.unsubscribe(onMessage)
  }
}
