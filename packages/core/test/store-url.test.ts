import { describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import { defineServerBackend, number, text } from '../src/driver.ts'
import { isLibkvError } from '../src/index.ts'
import type { StoreLocation, StoreOptions } from '../src/index.ts'
import { ScriptedDriver } from './scripted-driver.ts'

interface FakeOptions extends StoreOptions {
  readonly username?: string | undefined
  readonly password?: string | undefined
  readonly datacenter?: string | undefined
  readonly tickTime?: number | undefined
}

const fake = defineServerBackend<FakeOptions>({
  name: 'fake',
  port: 1,
  options: {
    username: text(),
    password: text(),
    datacenter: text(),
    tickTime: number('milliseconds', 1),
  },
  readUserinfo: (username, password) => ({ username, password }),
  driver: () => new ScriptedDriver(),
})

const read = (url: string): StoreLocation | undefined => fake.readUrl?.(url)

describe('a store URL', () => {
  it('names credentials, addresses and namespace', () => {
    expect(read('fake://user:secret@10.0.0.1:2379,10.0.0.2:2379/app/eu')).toEqual({
      addresses: ['10.0.0.1:2379', '10.0.0.2:2379'],
      options: { username: 'user', password: 'secret', namespace: 'app/eu' },
    })
  })

  it.each([
    ['fake://', { addresses: undefined, options: {} }],
    ['fake://orders', { addresses: ['orders'], options: {} }],
    ['FAKE://Host:1/', { addresses: ['Host:1'], options: {} }],
    ['fake://[::1]:8500', { addresses: ['[::1]:8500'], options: {} }],
    ['fake://a,b,/n', { addresses: ['a', 'b'], options: { namespace: 'n' } }],
    ['fake://user@h', { addresses: ['h'], options: { username: 'user' } }],
    ['fake://user:@h', { addresses: ['h'], options: { username: 'user', password: '' } }],
    ['fake://u:a:b@h', { addresses: ['h'], options: { username: 'u', password: 'a:b' } }],
    ['fake+tls://h', { addresses: ['h'], options: {} }],
  ])('may leave out what has a default: %s', (url, expected) => {
    expect(read(url)).toEqual(expected)
  })

  it('may say anything in names, passwords and the namespace, percent-encoded', () => {
    // Segments of a namespace are joined by slashes, so they are encoded one by one.
    const part = fc.string({ unit: 'grapheme', minLength: 1 })
    fc.assert(
      fc.property(part, part, fc.array(part, { minLength: 1 }), (username, password, segments) => {
        const encoded = [username, password, segments.join('/')].map(encodeURIComponent)
        const options = read(`fake://${encoded[0]}:${encoded[1]}@h/${encoded[2]}`)?.options
        expect(options).toEqual({ username, password, namespace: segments.join('/') })
      }),
    )
  })

  it('sets options by its query, each as what it is', () => {
    const url =
      'fake://h?connectionTimeout=250&requestTimeout=1e3&datacenter=eu&tickTime=5&password=a%26b+c'
    expect(read(url)?.options).toEqual({
      connectionTimeout: 250,
      requestTimeout: 1_000,
      datacenter: 'eu',
      tickTime: 5,
      password: 'a&b c',
    })
  })

  it.each([
    ['tls=true', true],
    ['tls=false', false],
    ['tls=1', true],
    ['tls=YES', true],
    ['tls=0', false],
    ['tls=no', false],
    ['tls=off', false],
    ['tls=true&tls.servername=etcd', { servername: 'etcd' }],
    ['tls.servername=etcd', { servername: 'etcd' }],
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
    expect(read(`fake://h?${query}`)?.options).toEqual({ tls })
  })

  it.each([
    ['ssl=true', "unknown parameter 'ssl' (did you mean 'tls'?)"],
    ['TLS=true', "unknown parameter 'TLS' (did you mean 'tls'?)"],
    [
      'conectionTimeout=5',
      "unknown parameter 'conectionTimeout' (did you mean 'connectionTimeout'?)",
    ],
    ['user=u', "unknown parameter 'user' (did you mean 'username'?)"],
    ['runtime=x', 'unknown parameter'],
    ['constructor=x', 'unknown parameter'],
    ['toString=x', 'unknown parameter'],
    ['__proto__=x', 'unknown parameter'],
    ['tls.cafile=x', "unknown parameter 'tls.cafile' (did you mean 'tls.caFile'?)"],
    ['tls.ca=x', "did you mean 'tls.caFile'?"],
    ['tls.constructor=1', 'unknown parameter'],
    ['tls=maybe', "tls must be 'true' or 'false'"],
    ['tls=', "tls must be 'true' or 'false'"],
    ['tls=true&tls=false', 'sets tls twice'],
    ['tls=false&tls.servername=etcd', 'tls=false'],
    ['tls.servername=a&tls.servername=b', 'sets tls.servername twice'],
    ['tls.rejectUnauthorized=maybe', 'tls.rejectUnauthorized must be'],
    ['datacenter=a&datacenter=b', 'sets datacenter twice'],
  ])('refuses a query that it does not understand: %s', (query, message) => {
    expect(() => read(`fake://h?${query}`)).toThrow(message)
  })

  it('refuses to set by its query what it has set already', () => {
    expect(() => read('fake://h/app?namespace=other')).toThrow('sets namespace twice')
    expect(() => read('fake://u:p@h?username=other')).toThrow('sets username twice')
  })

  it.each([
    'fake:/user:secret@h',
    'fake//user:secret@h',
    '://user:secret@h',
    'fake://user:secret@h/a#b',
    'fake://user:sec#ret@h',
    'fake://user:secret@extra@h',
    'fake://user:secret/extra@h',
    'fake://user:1234/secret@h:1',
    'fake://user:1234?secret@h:1',
    'fake://user:secret%@h',
    'fake://user:secret@h/%zz',
    'fake://user:secret@h?tls.nonsense=1',
    'fake://user:secret@h?tls.constructor=1',
  ])('that cannot be read is refused without showing a password: %s', (url) => {
    let error: unknown
    try {
      read(url)
    } catch (caught) {
      error = caught
    }
    expect(isLibkvError(error, 'INVALID_OPTION')).toBe(true)
    expect(String(error)).not.toContain('secret')
    expect(String((error as Error).cause)).not.toContain('secret')
  })
})
