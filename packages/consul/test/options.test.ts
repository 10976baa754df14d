import { describe, expect, it } from '@jest/globals'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { consul } from '@libkv/consul'
import type { ConsulOptions } from '@libkv/consul'

const refused: [string, string[], ConsulOptions, RegExp][] = [
  ['no address', [], {}, /no address/],
  ['an address without a host', [':8500'], {}, /not host:port/],
  ['an address with a path', ['http://a:1/b'], {}, /has a path/],
  ['an address with credentials', ['http://user:secret@a:1'], {}, /has credentials/],
  ['a port that is none', ['a:70000'], {}, /not host:port/],
  ['http and https mixed', ['http://a:1', 'https://b:1'], {}, /mixed/],
  ['tls towards http', ['http://a:1'], { tls: true }, /http:/],
  ['a token that fits no header', ['a:1'], { token: 'with space' }, /token must be/],
  ['a datacenter that fits no query', ['a:1'], { datacenter: 'a\nb' }, /datacenter must be/],
  ['a minimumTtl of nothing', ['a:1'], { minimumTtl: 0 }, /minimumTtl/],
  ['a minimumTtl over 12 hours', ['a:1'], { minimumTtl: 5e7 }, /minimumTtl/],
  ['a certificate without its key', ['a:1'], { tls: { cert: 'x' } }, /needed together/],
  ['a file that is not there', ['a:1'], { tls: { caFile: '/does/not/exist' } }, /cannot be read/],
  ['a connectionTimeout that is none', ['a:1'], { connectionTimeout: -1 }, /connectionTimeout/],
  ['a requestTimeout that is none', ['a:1'], { requestTimeout: NaN }, /requestTimeout/],
]

describe('the options of Consul', () => {
  for (const [what, addresses, options, message] of refused) {
    it(`refuses ${what} before any I/O`, () => {
      expect(() => consul(addresses, options)).toThrow(
        expect.objectContaining({
          code: 'INVALID_OPTION',
          backend: 'consul',
          message: expect.stringMatching(message),
        }),
      )
    })
  }

  it('refuses a namespace that is no key', () => {
    expect(() => consul(['a:1'], { namespace: 'a//b' })).toThrow(
      expect.objectContaining({ code: 'INVALID_KEY' }),
    )
  })

  for (const address of ['a', 'a:1', 'http://a:1', 'http://a:1/', '10.0.0.1:8500', '[::1]:8500']) {
    it(`takes the address ${address}`, async () => {
      await consul([address]).close()
    })
  }

  it('never shows a token in a message', async () => {
    const kv = consul(['127.0.0.1:1'], { token: 'top-secret', connectionTimeout: 100 })
    const error = await kv.get('a').catch((reason: unknown) => reason)
    await kv.close()
    expect(error).toMatchObject({ code: 'NOT_REACHABLE' })
    expect(JSON.stringify(error) + String(error) + String((error as Error).stack)).not.toContain(
      'top-secret',
    )
    expect(() => consul(['a:1'], { token: 'top secret' })).toThrow(
      expect.objectContaining({ message: expect.not.stringContaining('top secret') }),
    )
  })

  it('says the bounds of a ttl, which are twice those of the servers', async () => {
    const byDefault = consul(['a:1'])
    expect(byDefault.capabilities.ttl.min).toBe(20_000)
    await expect(byDefault.put('a', 'x', { ttl: 19_999 })).rejects.toMatchObject({
      code: 'INVALID_OPTION',
      message: expect.stringMatching(/20000/),
    })
    const lowered = consul(['a:1'], { minimumTtl: 1_000 })
    expect(lowered.capabilities.ttl.min).toBe(2_000)
    await Promise.all([byDefault.close(), lowered.close()])
  })

  it('sends token, datacenter, Enterprise namespace and partition with every request', async () => {
    const seen: IncomingMessage[] = []
    const server = createServer((request, response) => {
      seen.push(request)
      const isTxn = request.url?.includes('/txn') === true
      const entry = { Key: 'a', Flags: 0, Value: null, CreateIndex: 1, ModifyIndex: 1 }
      const isSession = request.url?.includes('/session/create') === true
      response.setHeader('content-type', 'application/json')
      if (isTxn) response.end(JSON.stringify({ Results: [{ KV: entry }], Errors: null }))
      else response.end(JSON.stringify(isSession ? { ID: 'some-id' } : [entry]))
    }).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    const kv = consul([`127.0.0.1:${String(port)}`], {
      token: 'secret',
      datacenter: 'dc2',
      consulNamespace: 'team',
      partition: 'part',
      namespace: 'app',
    })
    await kv.get('a')
    await kv.put('a', 'x')
    await kv.list('a')
    await (await kv.session()).close()
    await kv.close()
    server.close()
    expect(seen.length).toBeGreaterThan(5)
    for (const { headers, url } of seen) {
      expect(headers).toMatchObject({
        'x-consul-token': 'secret',
        'x-consul-namespace': 'team',
        'x-consul-partition': 'part',
      })
      expect(url).toMatch(/[?&]dc=dc2(&|$)/)
    }
    expect(seen.some(({ url }) => url?.startsWith('/v1/kv/app/a?') === true)).toBe(true)
  })
})
