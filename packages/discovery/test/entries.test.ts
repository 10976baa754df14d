import { describe, expect, it } from '@jest/globals'
import { compareKeys } from '@libkv/core'
import { RESERVED_SEGMENT } from '@libkv/core/driver'
import { memory } from '@libkv/memory'
import fc from 'fast-check'
import { Discovery } from '../src/index.ts'
import { nameOf, segmentOf } from '../src/segments.ts'

const names = fc.string({ unit: 'binary', minLength: 1, maxLength: 30 })
const hard = [
  '.',
  '..',
  '%',
  '%2E',
  'a/b',
  '/',
  '//',
  '\u0000',
  '\u0085',
  'ü',
  '😀',
  ' ',
  RESERVED_SEGMENT,
]

describe('a name', () => {
  it('is a segment that a store takes and lists, whatever it is', async () => {
    await using kv = memory(['segments'])
    await fc.assert(
      fc.asyncProperty(fc.oneof(names, fc.constantFrom(...hard)), async (name) => {
        const key = `services/${segmentOf(name)}/${segmentOf(name)}`
        await kv.put(key, name)
        expect(await kv.keys('services')).toEqual([key])
        expect(key.split('/').slice(1).map(nameOf)).toEqual([name, name])
        await kv.delete(key)
      }),
    )
  })

  it('stays readable where it can', () => {
    expect(segmentOf('web-1.example.com:80 (ü)')).toBe('web-1.example.com:80 (ü)')
    expect(segmentOf('a/b')).toBe('a%2Fb')
  })

  it.each(['%', '%zz', '%41', 'a%2fb', '%FF'])('is not what %s stands for', (segment) => {
    expect(nameOf(segment)).toBeUndefined()
  })
})

describe('an instance', () => {
  it('comes out as it went in', async () => {
    await using kv = memory(['round-trip'])
    await using discovery = new Discovery(kv)
    const instances = fc.record({
      service: fc.oneof(names, fc.constantFrom(...hard)),
      id: fc.oneof(names, fc.constantFrom(...hard)),
      address: fc.string({ unit: 'grapheme', minLength: 1 }),
      port: fc.integer({ min: 0, max: 65_535 }),
      metadata: fc.dictionary(fc.string(), fc.jsonValue({ noUnicodeString: false })),
    })
    await fc.assert(
      fc.asyncProperty(instances, async (instance) => {
        const registration = await discovery.register(instance)
        const found = await discovery.instances(instance.service)
        expect(JSON.parse(JSON.stringify(found))).toEqual(
          JSON.parse(JSON.stringify({ instances: [instance], invalid: [], stale: false })),
        )
        await registration.deregister()
      }),
    )
  })

  it('may be written by another program, with an address and a port alone', async () => {
    await using kv = memory(['foreign'])
    await using discovery = new Discovery(kv)
    await kv.put('services/db/1', '{"address":"10.0.0.9","port":5432,"color":"blue"}')
    expect((await discovery.instances('db')).instances).toEqual([
      { service: 'db', id: '1', address: '10.0.0.9', port: 5432, metadata: {} },
    ])
  })
})

describe('an entry that is no instance', () => {
  const bad: readonly (readonly [key: string, value: string | Uint8Array, reason: RegExp])[] = [
    ['services/web/a', '', /not JSON/],
    ['services/web/b', '{"address":', /not JSON/],
    ['services/web/c', Uint8Array.of(0xff, 0x00), /not JSON/],
    ['services/web/d', 'null', /not an object/],
    ['services/web/e', '[]', /address/],
    ['services/web/f', '{"address":"","port":1}', /address/],
    ['services/web/g', '{"address":"x","port":"80"}', /port/],
    ['services/web/h', '{"address":"x","port":80.5}', /port/],
    ['services/web/i', '{"address":"x","port":-1}', /port/],
    ['services/web/j', '{"address":"x","port":80,"metadata":"blue"}', /metadata/],
    ['services/web/k/l', '{"address":"x","port":80}', /<prefix>\/<service>\/<id>/],
    ['services/web/%zz', '{"address":"x","port":80}', /<prefix>\/<service>\/<id>/],
  ]

  it('is reported, and the others do not suffer from it', async () => {
    await using kv = memory(['invalid'])
    for (const [key, value] of bad) await kv.put(key, value)
    await using discovery = new Discovery(kv)
    await discovery.register({ service: 'web', id: '1', address: '10.0.0.1', port: 80 })
    const { instances, invalid } = await discovery.instances('web')
    expect(instances.map(({ id }) => id)).toEqual(['1'])
    const keys = bad.map(([key]) => key).sort(compareKeys)
    expect(invalid.map(({ key }) => key)).toEqual(keys)
    for (const [key, , reason] of bad) {
      expect(invalid.find((entry) => entry.key === key)?.reason).toMatch(reason)
    }
    expect((await discovery.services()).services).toEqual(['web'])
    for await (const change of discovery.watch('web')) {
      expect(change).toMatchObject({ instances, invalid, stale: false })
      break
    }
    await kv.deleteTree('services')
  })
})
