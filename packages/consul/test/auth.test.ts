import { describe, expect, it } from '@jest/globals'
import { consul } from '@libkv/consul'
import Consul from 'consul'
import { waitFor } from '@libkv/testing'
import { accessControlCases, denied } from '@libkv/testing/backend-cases/access-control'
import { openOn } from '@libkv/testing/backend-cases/backend-under-test'
import { runningServers } from '@libkv/testing/backend-cases/running-servers'
import type { ConsulCredentials } from '@libkv/testing/servers'
import { consulUnderTest } from './consul-under-test.ts'

const wrongToken = '11111111-2222-3333-4444-555555555555'

describe('Consul with tokens and policies', () => {
  // Servers believe in a token that was deleted for as long as they remember it, 30 s by default.
  const args = ['-hcl', 'acl { token_ttl = "100ms" policy_ttl = "100ms" }']
  const servers = runningServers('consul', { security: 'auth', args })

  accessControlCases(consulUnderTest, servers, {
    wrong: { options: { token: wrongToken }, secret: wrongToken },
    openRestricted: (running) => openOn(consulUnderTest, running),
    own: 'app',
    foreign: 'other',
  })

  it('is ACCESS_DENIED for a key that no path can hold, where Consul answers 200 with nothing', async () => {
    const { managementToken } = servers().credentials as ConsulCredentials
    await using root = consul(servers().endpoints, { token: managementToken })
    await root.put('other/a\u200db', 'x')
    await using kv = openOn(consulUnderTest, servers())
    await expect(kv.get('other/a\u200db')).rejects.toMatchObject(denied)
  })

  it('ends a watch whose token is taken away', async () => {
    const { managementToken } = servers().credentials as ConsulCredentials
    const [host = '', port] = (servers().endpoints[0] ?? '').replace('http://', '').split(':')
    const root = new Consul({ host, port: Number(port), defaults: { token: managementToken } })
    const admin = async (path: string, body: object): Promise<{ ID: string; SecretID: string }> => {
      const answer = await fetch(`${servers().endpoints[0] ?? ''}/v1/acl/${path}`, {
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
    await using kv = consul(servers().endpoints, { token: token.SecretID })
    const states = kv.watch('short/key')[Symbol.asyncIterator]()
    expect(await states.next()).toEqual({ done: false, value: null })
    await fetch(`${servers().endpoints[0] ?? ''}/v1/acl/token/${accessor}`, {
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

  it('lets somebody without a token find out whether the store answers', async () => {
    await using kv = consul(servers().endpoints)
    await kv.ready()
  })
})
