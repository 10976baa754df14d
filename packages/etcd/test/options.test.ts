import { describe, expect, it } from '@jest/globals'
import { etcd } from '@libkv/etcd'
import type { EtcdOptions } from '@libkv/etcd'

const refused: [string, string[], EtcdOptions, RegExp][] = [
  ['no address', [], {}, /no address/],
  ['an address without a host', [':2379'], {}, /not host:port/],
  ['an address with a path', ['http://a:1/b'], {}, /has a path/],
  ['an address with credentials', ['http://user:secret@a:1'], {}, /has credentials/],
  ['a port that is none', ['a:70000'], {}, /not host:port/],
  ['http and https mixed', ['http://a:1', 'https://b:1'], {}, /mixed/],
  ['tls towards http', ['http://a:1'], { tls: true }, /http:/],
  ['a user without a password', ['a:1'], { username: 'u' }, /needed together/],
  ['a password without a user', ['a:1'], { password: 'p' }, /needed together/],
  ['a certificate without its key', ['a:1'], { tls: { cert: 'x' } }, /needed together/],
  ['a file that is not there', ['a:1'], { tls: { caFile: '/does/not/exist' } }, /cannot be read/],
  ['a connectionTimeout that is none', ['a:1'], { connectionTimeout: -1 }, /connectionTimeout/],
  ['a requestTimeout that is none', ['a:1'], { requestTimeout: NaN }, /requestTimeout/],
]

describe('the options of etcd', () => {
  for (const [what, addresses, options, message] of refused) {
    it(`refuses ${what} before any I/O`, () => {
      expect(() => etcd(addresses, options)).toThrow(
        expect.objectContaining({
          code: 'INVALID_OPTION',
          backend: 'etcd',
          message: expect.stringMatching(message),
        }),
      )
    })
  }

  it('refuses a namespace that is no key', () => {
    expect(() => etcd(['a:1'], { namespace: 'a//b' })).toThrow(
      expect.objectContaining({ code: 'INVALID_KEY' }),
    )
  })

  for (const address of ['a', 'a:1', 'http://a:1', 'http://a:1/', '10.0.0.1:2379', '[::1]:2379']) {
    it(`takes the address ${address}`, async () => {
      await etcd([address]).close()
    })
  }

  it('never shows a password in a message', async () => {
    const kv = etcd(['127.0.0.1:1'], {
      username: 'u',
      password: 'top-secret',
      connectionTimeout: 100,
    })
    const error = await kv.get('a').catch((reason: unknown) => reason)
    await kv.close()
    expect(error).toMatchObject({ code: 'NOT_REACHABLE' })
    expect(JSON.stringify(error) + String(error) + String((error as Error).stack)).not.toContain(
      'top-secret',
    )
  })
})
