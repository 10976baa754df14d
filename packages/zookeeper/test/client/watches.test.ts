import { describe, expect, it } from '@jest/globals'
import { Paths } from '../../src/client/paths.ts'
import { watchPackets } from '../../src/client/watch-packets.ts'
import { Watches } from '../../src/client/watches.ts'
import type { WatchKind } from '../../src/client/watches.ts'
import type { WatchEvent } from '../../src/client/index.ts'
import { frameOf } from './scripted-server.ts'
import { recorder } from './support.ts'

const event = (type: WatchEvent['type'], path: string): WatchEvent => ({
  type,
  path,
  zxid: undefined,
})

function watch(watches: Watches, kind: WatchKind, path: string): string[] {
  const { heard, listener } = recorder()
  watches.confirm(watches.begin(path, listener), kind)
  return heard
}

describe('watches', () => {
  it.each<[WatchKind, WatchEvent['type'][]]>([
    ['data', ['created', 'deleted', 'changed']],
    ['exist', ['created', 'deleted', 'changed']],
    ['child', ['deleted', 'childrenChanged']],
  ])('of kind %s hear once of %s', (kind, types) => {
    for (const type of ['created', 'deleted', 'changed', 'childrenChanged'] as const) {
      const watches = new Watches()
      const heard = watch(watches, kind, '/a')
      watches.dispatch(event(type, '/b'))
      watches.dispatch(event(type, '/a/b'))
      watches.dispatch(event(type, '/a'))
      watches.dispatch(event(type, '/a'))
      expect(heard).toEqual(types.includes(type) ? [`${type} /a`] : [])
      expect(watches.has('/a')).toBe(!types.includes(type))
    }
  })

  it('that persist hear of their node each time', () => {
    const watches = new Watches()
    const heard = watch(watches, 'persistent', '/a')
    for (const type of ['created', 'childrenChanged', 'changed', 'changed', 'deleted'] as const) {
      watches.dispatch(event(type, '/a'))
      watches.dispatch(event(type, '/a/b'))
    }
    expect(heard).toEqual([
      'created /a',
      'childrenChanged /a',
      'changed /a',
      'changed /a',
      'deleted /a',
    ])
  })

  it('that are recursive hear of all below, and not of siblings', () => {
    const watches = new Watches()
    const heard = watch(watches, 'persistentRecursive', '/a')
    const all = watch(watches, 'persistentRecursive', '/')
    for (const path of ['/a', '/a/b/c', '/ab', '/b/a']) watches.dispatch(event('created', path))
    watches.dispatch(event('childrenChanged', '/a'))
    expect(heard).toEqual(['created /a', 'created /a/b/c'])
    expect(all).toEqual(['created /a', 'created /a/b/c', 'created /ab', 'created /b/a'])
  })

  it('tell a listener once, however often it listens', () => {
    const watches = new Watches()
    const { heard, listener } = recorder()
    for (const kind of ['data', 'child', 'persistent'] as const) {
      watches.confirm(watches.begin('/a', listener), kind)
    }
    watches.dispatch(event('deleted', '/a'))
    expect(heard).toEqual(['deleted /a'])
  })

  it('hear of what happened before the server confirmed them', () => {
    const watches = new Watches()
    const { heard, listener } = recorder()
    const early = watches.begin('/a', listener)
    watches.dispatch(event('childrenChanged', '/a'))
    watches.dispatch(event('changed', '/a'))
    expect(heard).toEqual([])
    watches.confirm(early, 'data')
    expect(heard).toEqual(['changed /a'])
    expect(watches.has('/a')).toBe(false)
  })

  it('that were dropped hear nothing', () => {
    const watches = new Watches()
    const { heard, listener } = recorder()
    const arming = watches.begin('/a', listener)
    expect(watches.has('/a')).toBe(true)
    watches.drop(arming)
    expect(watches.has('/a')).toBe(false)
    watch(watches, 'data', '/a')
    watches.confirm(watches.begin('/a', listener), 'data')
    expect(watches.remove('/a', listener)).toBe(true)
    expect(watches.remove('/a', listener)).toBe(false)
    expect(watches.has('/a')).toBe(true)
    watches.dispatch(event('changed', '/a'))
    expect(heard).toEqual([])
  })

  it('go on when a listener adds and removes others', () => {
    const watches = new Watches()
    const { heard, listener } = recorder()
    watches.confirm(
      watches.begin('/a', () => {
        watches.confirm(watches.begin('/a', listener), 'data')
      }),
      'data',
    )
    watches.dispatch(event('changed', '/a'))
    expect(heard).toEqual([])
    watches.dispatch(event('changed', '/a'))
    expect(heard).toEqual(['changed /a'])
  })

  it('are set again in packets that stay far below the limit of servers', () => {
    const watches = new Watches()
    const kinds = ['data', 'exist', 'child', 'persistent', 'persistentRecursive'] as const
    for (let i = 0; i < 25_000; i++) {
      watch(watches, kinds[i % 5] ?? 'data', `/some/longer/path/${'\u20ac'.repeat(20)}/${i}`)
    }
    const packets = [...watchPackets(watches, new Paths('/chroot'), 5n)]
    expect(packets.length).toBeGreaterThan(10)
    const sizes = packets.map(({ encode }) => frameOf(encode).length)
    expect(Math.max(...sizes)).toBeLessThan(140_000)
    // Nothing is missing: all paths with their lengths, besides what begins the packets and their lists.
    const heads = packets.map(({ opcode }) => 4 + 8 + (opcode === 101 ? 3 : 5) * 4)
    const path = 4 + Buffer.byteLength(`/chroot/some/longer/path/${'\u20ac'.repeat(20)}/`)
    const digits = Array.from({ length: 25_000 }, (_, i) => String(i).length)
    const total = digits.reduce((sum, length) => sum + length + path, 0)
    expect(sizes.reduce((sum, size, i) => sum + size - (heads[i] ?? 0), 0)).toBe(total)
  })

  it('are set again with the old packet where that will do, for servers before 3.6', () => {
    const watches = new Watches()
    for (const kind of ['data', 'exist', 'child'] as const) watch(watches, kind, '/a')
    expect([...watchPackets(watches, new Paths(), 5n)].map(({ opcode }) => opcode)).toEqual([101])
    watch(watches, 'persistent', '/a')
    expect([...watchPackets(watches, new Paths(), 5n)].map(({ opcode }) => opcode)).toEqual([105])
    watches.clear()
    expect([...watchPackets(watches, new Paths(), 5n)]).toEqual([])
  })
})
