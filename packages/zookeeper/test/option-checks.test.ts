import { describe, expect, it } from '@jest/globals'
import { CREATOR_ALL, OPEN, PERMISSION, READ_ONLY, zookeeper } from '@libkv/zookeeper'
import type { AclEntry } from '@libkv/zookeeper'
import { serverOptions } from '@libkv/testing/backend-cases/server-options'
import { resolveZooKeeperOptions } from '../src/zookeeper-options.ts'

/** Options as a program without types may give them. */
type Untyped = Readonly<Record<string, unknown>>

const resolved = (options: Untyped): ReturnType<typeof resolveZooKeeperOptions> =>
  resolveZooKeeperOptions(options, serverOptions('zookeeper', ['a:2181']))

/** What opening a store with these options throws. */
function thrown(options: Untyped): unknown {
  try {
    zookeeper(['a'], options)
  } catch (error) {
    return error
  }
  throw new Error('the options are accepted')
}

const entry = { scheme: 'world', id: 'anyone', permissions: PERMISSION.read }

describe('an option of zookeeper with a value out of range', () => {
  const cases: readonly [Untyped, RegExp][] = [
    [{ chroot: '' }, /chroot must be an absolute path such as \/app.*got ""$/],
    [{ chroot: 'app' }, /absolute path.*got "app"$/],
    [{ chroot: '//' }, /absolute path.*got "\/\/"$/],
    [{ chroot: '/app//' }, /absolute path/],
    [{ chroot: '/app//b' }, /absolute path/],
    [{ chroot: '/app/../b' }, /absolute path/],
    [{ chroot: '/app/.' }, /absolute path/],
    [{ chroot: '/a\u0000\u007f\u0085\u2028' }, /got "\/a\\u0000\\u007f\\u0085\\u2028"$/],
    [{ chroot: '/\u{1f680}' }, /characters that ZooKeeper refuses/],
    [{ chroot: `app${'x'.repeat(1_000)}` }, /^.{1,250}…"$/],
    [
      { tickTime: 0 },
      /^tickTime is 0; it must be a number of milliseconds, between 1 and 107374182$/,
    ],
    [{ tickTime: -1 }, /^tickTime is -1; /],
    [{ tickTime: 1e12 }, /^tickTime is 1000000000000; /],
    [{ tickTime: Infinity }, /^tickTime is Infinity; /],
    [{ sessionTimeout: NaN }, /^sessionTimeout is NaN; .* between 1 and 2147483647$/],
    [{ sessionTimeout: 1e12 }, /^sessionTimeout is 1000000000000; /],
    [{ readBarrier: 'none' }, /^readBarrier is 'none'; it must be 'proposal' or 'sync'$/],
    [{ acl: [] }, /^acl is empty/],
    [{ acl: [entry, { ...entry, permissions: 32 }] }, /^acl\[1\]\.permissions .* got 32$/],
    [{ acl: [{ ...entry, permissions: 0 }] }, /^acl\[0\]\.permissions .* got 0$/],
    [{ acl: [{ ...entry, permissions: 1.5 }] }, /^acl\[0\]\.permissions .* got 1\.5$/],
    [{ auth: { scheme: '', auth: 'secret' } }, /^auth must be .* got an empty scheme$/],
    [{ auth: { scheme: 'ip', password: 'secret' } }, /^auth must be .* scheme "ip"$/],
    [{ auth: { scheme: 'digest', username: 'u' } }, /digest needs username and password/],
    [{ auth: [{ scheme: 'digest', password: 'secret' }] }, /digest needs username and password/],
    [{ username: '', password: 'secret' }, /digest needs username and password/],
  ]

  it.each(cases)('is INVALID_OPTION: %j', (options, message) => {
    const error = thrown(options)
    expect(error).toMatchObject({
      code: 'INVALID_OPTION',
      backend: 'zookeeper',
      message: expect.stringMatching(message),
    })
    expect((error as Error).message).not.toMatch(/secret|\p{Cc}/u)
  })
})

describe('an option of zookeeper of another type', () => {
  const cases: readonly [Untyped, RegExp][] = [
    [{ chroot: 7 }, /^chroot must be an absolute path .* got a number$/],
    [{ chroot: null }, /^chroot .* got null$/],
    [{ chroot: ['/app'] }, /^chroot .* got an array$/],
    [{ tickTime: '2s' }, /^tickTime must be a number .* got a string$/],
    [{ tickTime: {} }, /^tickTime must be a number .* got an object$/],
    [{ tickTime: true }, /^tickTime .* got a boolean$/],
    [{ tickTime: Symbol('2') }, /^tickTime .* got a symbol$/],
    [{ sessionTimeout: 2n }, /^sessionTimeout .* got a bigint$/],
    [{ readBarrier: true }, /^readBarrier must be 'proposal' or 'sync'; got a boolean$/],
    [{ readBarrier: ['sync'] }, /^readBarrier .* got an array$/],
    [{ auth: 'user:secret' }, /^auth must be \{ scheme: 'digest', .* got a string$/],
    [{ auth: ['user:secret'] }, /^auth must be .* got a string$/],
    [{ auth: null }, /^auth must be .* got null$/],
    [{ auth: [null] }, /^auth must be .* got null$/],
    [{ auth: () => 'secret' }, /^auth must be .* got a function$/],
    [{ auth: { auth: 'user:secret' } }, /scheme must be a string; got undefined$/],
    [{ auth: { scheme: 'x', auth: 7 } }, /auth must be a string or a Uint8Array; got a number$/],
    [{ auth: { scheme: 'digest', username: 7, password: 'secret' } }, /got a number$/],
    [{ username: 'u', password: ['secret'] }, /^password must be a string; got an array$/],
    [{ acl: 'world:anyone:r' }, /^acl must be an array of .* got a string$/],
    [{ acl: entry }, /^acl must be an array of .* got an object$/],
    [{ acl: [entry, 'world:anyone:r'] }, /^acl\[1\] must be .* got a string$/],
    [{ acl: [null] }, /^acl\[0\] must be .* got null$/],
    [{ acl: [{ id: 'x', permissions: 1 }] }, /^acl\[0\]\.scheme must be a string; got undefined$/],
    [{ acl: [{ ...entry, id: 7 }] }, /^acl\[0\]\.id must be a string; got a number$/],
    [{ acl: [{ ...entry, permissions: 'r' }] }, /^acl\[0\]\.permissions .* got a string$/],
  ]

  it.each(cases)('is a TypeError: %p', (options, message) => {
    const error = thrown(options) as Error
    expect({ name: error.name, message: error.message }).toEqual({
      name: 'TypeError',
      message: expect.stringMatching(message),
    })
    expect(error.message).not.toContain('secret')
  })
})

describe('the options of zookeeper', () => {
  it.each([
    ['/', '/'],
    ['/app', '/app'],
    ['/app/', '/app'],
    ['/app/b c/%\u00e4/', '/app/b c/%\u00e4'],
  ])('take the chroot %p as %p', (chroot, path) => {
    expect(resolved({ chroot }).chroot).toBe(path)
  })

  it('take an ACL as it is, and keep it when the array changes later', () => {
    const acl: AclEntry[] = [entry]
    const { acl: kept } = resolved({ acl })
    acl.push({ ...entry, permissions: PERMISSION.all })
    expect(kept).toEqual(READ_ONLY)
    expect(resolved({ acl: OPEN }).acl).toBe(OPEN)
    expect(resolved({ acl: CREATOR_ALL }).acl).toEqual(CREATOR_ALL)
  })

  it('take several identities, as text or bytes', () => {
    const bytes = new Uint8Array([1, 2])
    const auth = [
      { scheme: 'x', auth: bytes },
      { scheme: 'digest', auth: 'u:p' },
      { scheme: 'digest', username: 'v', password: '' },
    ]
    expect(resolved({ auth, username: 'w', password: 'q' }).auth).toEqual([
      { scheme: 'x', auth: bytes },
      { scheme: 'digest', auth: 'u:p' },
      { scheme: 'digest', auth: 'v:' },
      { scheme: 'digest', auth: 'w:q' },
    ])
  })

  it('take durations as numbers, or as the text that a URL has', () => {
    expect(resolved({ tickTime: 107_374_182 }).tickTime).toBe(107_374_182)
    const { options } = zookeeper.readUrl?.('zk://a?sessionTimeout=1500') ?? {}
    expect(options).toEqual({ sessionTimeout: 1_500 })
  })
})
