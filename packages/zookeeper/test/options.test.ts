import { describe, expect, it } from '@jest/globals'
import { OPEN, zookeeper } from '@libkv/zookeeper'
import type { ZooKeeperOptions } from '@libkv/zookeeper'
import { serverOptions } from '@libkv/testing/backend-cases/server-options'
import { resolveZooKeeperOptions } from '../src/zookeeper-options.ts'

const digest = { scheme: 'digest', username: 'u', password: 'p' } as const

const refused: [string, string[], ZooKeeperOptions, RegExp][] = [
  ['no address', [], {}, /no address/],
  ['an address without a host', [':2181'], {}, /not host:port/],
  ['an address with a scheme', ['http://a:1'], {}, /has a scheme/],
  ['an address with a path', ['a:1/b'], {}, /has a path/],
  ['a port that is none', ['a:70000'], {}, /not host:port/],
  ['port 0', ['a:0'], {}, /port must be between 1 and 65535/],
  ['a user without a password', ['a:1'], { username: 'u' }, /needed together/],
  ['a password without a user', ['a:1'], { password: 'p' }, /needed together/],
  ['a username with a colon', ['a:1'], { username: 'u:v', password: 'p' }, /no colon/],
  ['an identity without a user', ['a:1'], { auth: { ...digest, username: '' } }, /needs username/],
  ['a certificate without its key', ['a:1'], { tls: { cert: 'x' } }, /needed together/],
  ['a connectionTimeout that is none', ['a:1'], { connectionTimeout: -1 }, /connectionTimeout/],
]

const resolved = (options: ZooKeeperOptions): ReturnType<typeof resolveZooKeeperOptions> =>
  resolveZooKeeperOptions(options, serverOptions('zookeeper', ['a:2181']))

describe('the options of zookeeper', () => {
  for (const [what, addresses, options, message] of refused) {
    it(`refuses ${what} before any I/O`, () => {
      expect(() => zookeeper(addresses, options)).toThrow(
        expect.objectContaining({
          code: 'INVALID_OPTION',
          backend: 'zookeeper',
          message: expect.stringMatching(message),
        }),
      )
    })
  }

  it('takes hosts with and without a port, and IPv6', async () => {
    await zookeeper(['a', 'b:1', '[::1]', '[::1]:2']).close()
  })

  it('lets everybody at its nodes unless it has an identity', () => {
    expect(resolved({}).acl).toEqual(OPEN)
    const { acl, auth } = resolved({ auth: digest })
    expect(acl).toEqual([{ permissions: 31, scheme: 'auth', id: '' }])
    expect(auth).toEqual([{ scheme: 'digest', auth: 'u:p' }])
  })

  it('takes the user of a URL for an identity of scheme digest, and its numbers as text', () => {
    const { options } = zookeeper.readUrl?.('zk://u:p@a?tickTime=500') ?? {}
    const { auth, tickTime } = resolved(options as ZooKeeperOptions)
    expect(auth).toEqual([{ scheme: 'digest', auth: 'u:p' }])
    expect(tickTime).toBe(500)
  })

  it('derives its capabilities from the tickTime of the servers', async () => {
    await using byDefault = zookeeper()
    expect(byDefault.capabilities.ttl.min).toBe(4_000)
    await using quick = zookeeper(['a'], { tickTime: 500 })
    expect(quick.capabilities.ttl.min).toBe(1_000)
    expect(quick.capabilities.expirySlack).toBeLessThan(byDefault.capabilities.expirySlack)
  })
})
