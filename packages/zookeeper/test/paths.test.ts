import { describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import { compareKeys } from '@libkv/core'
import { RESERVED_SEGMENT } from '@libkv/core/driver'
import { runs } from '@libkv/testing/backend-cases/runs'
import { directoryOf, keyOfChild, keyOfPath, pathOf, recordOf } from '../src/zookeeper-paths.ts'

// What ZooKeeper refuses in a path: org.apache.zookeeper.common.PathUtils.
// eslint-disable-next-line no-control-regex -- these are the characters to refuse
const refused = /[\u0000-\u001f\u007f-\u009f\ud800-\uf8ff\ufff0-\uffff]/

/** Pieces of which names are made that are likely to be taken for something else. */
const pieces = fc.oneof(
  fc.string({ unit: 'binary', minLength: 1, maxLength: 3 }),
  fc.string({ unit: 'grapheme', minLength: 1, maxLength: 3 }),
  fc.constantFrom(
    ...[
      '%',
      '25',
      '%25',
      '%2',
      '%7A',
      '%7Aookeeper',
      'zookeeper',
      '%libkv',
      RESERVED_SEGMENT,
      '%EE',
      '%80',
    ],
    ...[
      '%EF%BF%BD',
      '%F0%9F%9A%80',
      '%9F',
      '🚀',
      '\ue000',
      '\uf8ff',
      '\uffff',
      '\ufffd',
      '\ufb01',
      '%2F',
    ],
  ),
)
const isSegment = (name: string): boolean =>
  // eslint-disable-next-line no-control-regex -- no key has them
  !/[\u0000-\u001f\u007f-\u009f/]/.test(name) &&
  !['', '.', '..'].includes(name) &&
  !/\p{Cs}/u.test(name)
const segment = fc
  .array(pieces, { minLength: 1, maxLength: 5 })
  .map((parts) => parts.join(''))
  .filter(isSegment)
const keys = fc.array(segment, { minLength: 1, maxLength: 4 }).map((parts) => parts.join('/'))
/** Names that another client may have given to a node. */
const names = segment.filter((name) => !refused.test(name))

describe('the paths of keys', () => {
  it.each([
    ['a', '/a'],
    ['services/web/1', '/services/web/1'],
    ['100%', '/100%'],
    ['a%20b', '/a%20b'],
    ['%25', '/%25'],
    ['ключ/键', '/ключ/键'],
    ['a/zookeeper', '/a/zookeeper'],
  ])('leave %s as others would write it', (key, path) => {
    expect(pathOf(key)).toBe(path)
  })

  it.each([
    ['🚀', '/%F0%9F%9A%80'],
    ['\ufffd', '/%EF%BF%BD'],
    ['%F0%9F%9A%80', '/%25F0%9F%9A%80'],
    ['%25F0%9F%9A%80', '/%2525F0%9F%9A%80'],
    ['%libkv', '/%25libkv'],
    ['a/%libkv/b', '/a/%25libkv/b'],
    ['zookeeper/quota', '/%7Aookeeper/quota'],
    ['%7Aookeeper', '/%257Aookeeper'],
  ])('escape %s', (key, path) => {
    expect(pathOf(key)).toBe(path)
    expect(keyOfPath(path)).toBe(key)
  })

  it('are accepted by ZooKeeper, and lead back to the key', () => {
    fc.assert(
      fc.property(keys, (key) => {
        const path = pathOf(key)
        expect(path).not.toMatch(refused)
        expect(path).not.toMatch(/\/%libkv/)
        expect(path.split('/')[1]).not.toBe('zookeeper')
        expect(keyOfPath(path)).toBe(key)
      }),
      { numRuns: runs(2_000) },
    )
  })

  it('differ as the keys do, and nest as they do', () => {
    fc.assert(
      fc.property(keys, keys, (a, b) => {
        expect(pathOf(a) === pathOf(b)).toBe(a === b)
        expect(pathOf(`${a}/${b}`).startsWith(`${pathOf(a)}/`)).toBe(true)
        expect(directoryOf(`${a}/`)).toBe(pathOf(a))
      }),
      { numRuns: runs(2_000) },
    )
  })

  it('stand for a key whatever name another client has given', () => {
    fc.assert(
      fc.property(fc.array(names, { minLength: 1, maxLength: 3 }), (segments) => {
        fc.pre(!segments.some((name) => name.startsWith('%libkv')) && segments[0] !== 'zookeeper')
        const path = `/${segments.join('/')}`
        expect(pathOf(keyOfPath(path) ?? '')).toBe(path)
      }),
      { numRuns: runs(2_000) },
    )
  })

  it('sort, once they are keys again, by the bytes of UTF-8', () => {
    fc.assert(
      fc.property(keys, keys, (a, b) => {
        const back = [pathOf(a), pathOf(b)].map((path) => Buffer.from(keyOfPath(path) ?? ''))
        const [x = Buffer.of(), y = Buffer.of()] = back
        expect(Math.sign(compareKeys(a, b))).toBe(Buffer.compare(x, y))
      }),
    )
  })

  it.each(['zookeeper', '%libkv', '%libkv-born-a'])('hide the node %s', (name) => {
    expect(keyOfChild('', name)).toBeUndefined()
  })

  it('keep the record of a key beside it', () => {
    expect(recordOf('/a/b')).toBe('/a/%libkv-born-b')
    expect(recordOf('/a')).toBe('/%libkv-born-a')
    expect(keyOfPath(recordOf('/a/b'))).toBeUndefined()
  })
})
