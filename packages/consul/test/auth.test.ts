import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { check, put } from '@libkv/core'
import { consul } from '@libkv/consul'
import Consul from 'consul'
import { waitFor } from '../../../tooling/servers/index.ts'
import type { ConsulCredentials, Servers } from '../../../tooling/servers/index.ts'
import { Follower, open, startConsul } from './support.ts'

const denied = { code: 'ACCESS_DENIED', retryable: false, ambiguous: false }

describe('access control of Consul', () => {
  let servers: Servers<'consul'>
  let credentials: ConsulCredentials
  beforeAll(async () => {
    // Servers believe in a token that was deleted for as long as they remember it, 30 s by default.
    const args = ['-hcl', 'acl { token_ttl = "100ms" policy_ttl = "100ms" }']
    servers = await startConsul({ security: 'auth', args })
    credentials = servers.credentials as ConsulCredentials
  }, 60_000)
  afterAll(async () => {
    await servers[Symbol.asyncDispose]()
  })

  it('lets a token do what is granted', async () => {
    await using kv = open(servers)
    await kv.put('app/key', 'x')
    expect(await kv.keys('app')).toContain('app/key')
    expect(await kv.list('app/none')).toEqual([])
    expect(await kv.deleteTree('app/none')).toBe(0)
  })

  it('is ACCESS_DENIED with a wrong token, without showing it', async () => {
    const token = '11111111-2222-3333-4444-555555555555'
    await using kv = open(servers, { token })
    const error = await kv.get('app/key').catch((reason: unknown) => reason)
    expect(error).toMatchObject(denied)
    expect(String(error)).not.toContain(token)
  })

  it('is ACCESS_DENIED without a token', async () => {
    await using kv = consul(servers.endpoints)
    await expect(kv.get('app/key')).rejects.toMatchObject(denied)
    await expect(kv.list('app')).rejects.toMatchObject(denied)
  })

  it('is ACCESS_DENIED outside of what is granted, for every call', async () => {
    await using kv = open(servers)
    const pair = await kv.put('app/pair', 'x')
    const large = Buffer.alloc(400 * 1024)
    const calls = [
      () => kv.get('other'),
      () => kv.get('other', { consistency: 'stale' }),
      () => kv.exists('other'),
      () => kv.list('other'),
      () => kv.keys('other'),
      () => kv.put('other', 'x'),
      () => kv.put('other', large),
      () => kv.put('other', 'x', { ttl: 5_000 }),
      () => kv.delete('other'),
      () => kv.deleteTree('other'),
      () => kv.atomicPut('other', 'x', null),
      () => kv.transaction([check('app/pair', pair), put('other', 'x')]),
      () => kv.transaction([check('other', null), put('app/pair', 'x')]),
      () => kv.newLock('other').lock({ timeout: 5_000 }),
    ]
    for (const [i, call] of calls.entries()) {
      const outcome = await call().catch((error: unknown) => error)
      expect({ i, outcome }).toMatchObject({ i, outcome: denied })
    }
  })

  it('is ACCESS_DENIED for a key that no path can hold, where Consul answers 200 with nothing', async () => {
    await using root = open(servers, { token: credentials.managementToken })
    await root.put('other/a\u200db', 'x')
    await using kv = open(servers)
    await expect(kv.get('other/a\u200db')).rejects.toMatchObject(denied)
  })

  for (const kind of ['watch', 'watchTree'] as const) {
    it(`ends a ${kind} that it forbids by throwing, and leaves later ones alone`, async () => {
      await using kv = open(servers)
      const forbidden = kv[kind]('other')[Symbol.asyncIterator]()
      await expect(forbidden.next()).rejects.toMatchObject(denied)
      const allowed = kv[kind]('app/after')[Symbol.asyncIterator]()
      expect(await allowed.next()).toMatchObject({ done: false })
      await allowed.return?.()
    })
  }

  it('ends a watch whose token is taken away', async () => {
    const { managementToken } = credentials
    const [host = '', port] = (servers.endpoints[0] ?? '').replace('http://', '').split(':')
    const root = new Consul({ host, port: Number(port), defaults: { token: managementToken } })
    const admin = async (path: string, body: object): Promise<{ ID: string; SecretID: string }> => {
      const answer = await fetch(`${servers.endpoints[0] ?? ''}/v1/acl/${path}`, {
        method: 'PUT',
        headers: { 'x-consul-token': managementToken },
        body: JSON.stringify(body),
      })
      return (await answer.json()) as { ID: string; SecretID: string }
    }
    const policy = await admin('policy', {
      Name: 'short',
      Rules: 'key_prefix "short/" { policy = "write" }',
    })
    const token = await admin('token', { Policies: [{ ID: policy.ID }] })
    const accessor = (token as unknown as { AccessorID: string }).AccessorID
    await using kv = open(servers, { token: token.SecretID })
    const states = kv.watch('short/key')[Symbol.asyncIterator]()
    expect(await states.next()).toEqual({ done: false, value: null })
    await fetch(`${servers.endpoints[0] ?? ''}/v1/acl/token/${accessor}`, {
      method: 'DELETE',
      headers: { 'x-consul-token': managementToken },
    })
    const failure = (async () => {
      for (;;) await states.next()
    })().catch((error: unknown) => error)
    let outcome: unknown
    void failure.then((error) => (outcome = error))
    // The server still believes in the token for a moment.
    await waitFor(
      async () => {
        await root.kv.set('short/key', String(Math.random()))
        return outcome !== undefined
      },
      { what: 'the watch to end' },
    )
    expect(outcome).toMatchObject(denied)
    root.destroy()
  })

  it('lets a token that may not read it find out whether the store answers', async () => {
    await using kv = consul(servers.endpoints)
    await kv.ready()
  })

  it('goes on through a restart of the server: calls, watches, sessions', async () => {
    await using kv = open(servers)
    const session = await kv.session({ ttl: 20_000 })
    await kv.put('app/bound', 'x', { session })
    const follower = await new Follower(kv, 'app/restart').started()
    await servers.nodes[0]?.restart()
    await waitFor(() => kv.put('app/restart/key', 'x'), { what: 'a write', timeout: 20_000 })
    await follower.has(['app/restart/key'])
    await follower.stop()
    expect(session.isAlive()).toBe(true)
    expect(await kv.exists('app/bound')).toBe(true)
  })
})
