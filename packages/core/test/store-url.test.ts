import { describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import { isLibkvError } from '../src/index.ts'
import { parseStoreUrl } from '../src/store-url.ts'

describe('a store URL', () => {
  it('names backend, credentials, addresses and namespace', () => {
    expect(parseStoreUrl('etcd://user:secret@10.0.0.1:2379,10.0.0.2:2379/app/eu')).toEqual({
      backend: 'etcd',
      addresses: ['10.0.0.1:2379', '10.0.0.2:2379'],
      options: { username: 'user', password: 'secret', namespace: 'app/eu' },
    })
  })

  it.each([
    ['memory://', { backend: 'memory', addresses: [], options: {} }],
    ['memory://orders', { backend: 'memory', addresses: ['orders'], options: {} }],
    ['ETCD://Host:1/', { backend: 'etcd', addresses: ['Host:1'], options: {} }],
    ['consul://[::1]:8500', { backend: 'consul', addresses: ['[::1]:8500'], options: {} }],
    ['zk://a,b,/n', { backend: 'zk', addresses: ['a', 'b'], options: { namespace: 'n' } }],
    ['etcd://user@h', { backend: 'etcd', addresses: ['h'], options: { username: 'user' } }],
    [
      'etcd://user:@h',
      { backend: 'etcd', addresses: ['h'], options: { username: 'user', password: '' } },
    ],
    [
      'etcd://u:a:b@h',
      { backend: 'etcd', addresses: ['h'], options: { username: 'u', password: 'a:b' } },
    ],
    ['my-backend+tls://h', { backend: 'my-backend+tls', addresses: ['h'], options: {} }],
  ])('may leave out what has a default: %s', (url, expected) => {
    expect(parseStoreUrl(url)).toEqual(expected)
  })

  it('may say anything in names, passwords and the namespace, percent-encoded', () => {
    // Segments of a namespace are joined by slashes, so they are encoded one by one.
    const text = fc.string({ unit: 'grapheme', minLength: 1 })
    fc.assert(
      fc.property(text, text, fc.array(text, { minLength: 1 }), (username, password, segments) => {
        const encoded = [username, password, segments.join('/')].map(encodeURIComponent)
        const { options } = parseStoreUrl(`etcd://${encoded[0]}:${encoded[1]}@h/${encoded[2]}`)
        expect(options).toEqual({ username, password, namespace: segments.join('/') })
      }),
    )
  })

  it('sets options by its query', () => {
    const url = 'consul://h?connectionTimeout=250&requestTimeout=1e3&datacenter=eu&token=a%26b+c'
    expect(parseStoreUrl(url).options).toEqual({
      connectionTimeout: 250,
      requestTimeout: 1_000,
      datacenter: 'eu',
      token: 'a&b c',
    })
  })

  it.each([
    ['tls=true', true],
    ['tls=false', false],
    ['tls=true&tls.servername=etcd', { servername: 'etcd' }],
    ['tls.servername=etcd', { servername: 'etcd' }],
    ['tls=false&tls.servername=etcd', false],
    [
      'tls.caFile=/ca.pem&tls.certFile=/c.pem&tls.keyFile=/k.pem&tls.passphrase=p&tls.rejectUnauthorized=false',
      {
        caFile: '/ca.pem',
        certFile: '/c.pem',
        keyFile: '/k.pem',
        passphrase: 'p',
        rejectUnauthorized: false,
      },
    ],
    ['tls.rejectUnauthorized=true', { rejectUnauthorized: true }],
  ])('sets TLS by its query: %s', (query, tls) => {
    expect(parseStoreUrl(`etcd://h?${query}`).options).toEqual({ tls })
  })

  it('hands over a parameter of any name as text', () => {
    for (const name of ['constructor', 'toString']) {
      const { options } = parseStoreUrl(`etcd://h?${name}=x`)
      expect(Object.entries(options)).toEqual([[name, 'x']])
    }
  })

  it.each([
    'etcd:/user:secret@h',
    'etcd//user:secret@h',
    '://user:secret@h',
    'etcd://user:secret@h/a#b',
    'etcd://user:secret@extra@h',
    'etcd://user:secret%@h',
    'etcd://user:secret@h/%zz',
    'etcd://user:secret@h?tls.nonsense=1',
    'etcd://user:secret@h?tls.constructor=1',
  ])('that cannot be read is refused without showing a password: %s', (url) => {
    let error: unknown
    try {
      parseStoreUrl(url)
    } catch (caught) {
      error = caught
    }
    expect(isLibkvError(error, 'INVALID_OPTION')).toBe(true)
    expect(String(error)).not.toContain('secret')
    expect(String((error as Error).cause)).not.toContain('secret')
  })
})
