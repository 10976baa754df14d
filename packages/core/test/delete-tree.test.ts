import { beforeEach, describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import { runs } from '@libkv/testing/backend-cases/runs'
import { compareKeys } from '../src/index.ts'
import { isInRanges, openStore, rangeOfPrefix } from '../src/driver.ts'
import type { KeyRange } from '../src/driver.ts'
import { answers, ScriptedDriver } from './scripted-driver.ts'

let driver: ScriptedDriver
beforeEach(() => {
  driver = new ScriptedDriver().script('removeTree', answers(3))
})

/** What the driver is asked to delete. */
async function removal(
  directory: string,
  namespace?: string,
): Promise<{ readonly prefix: string; readonly ranges: readonly KeyRange[] }> {
  await using kv = openStore(driver, { namespace })
  expect(await kv.deleteTree(directory)).toBe(3)
  expect(driver.requests).toHaveLength(1)
  const [prefix, ranges] = driver.of('removeTree')[0]?.args as [string, readonly KeyRange[]]
  return { prefix, ranges }
}

/** Segments around the borders of the ranges. */
const segment = fc.oneof(
  fc.constantFrom(
    '.libkv',
    '.libkv-',
    '.libkv0',
    '.lib',
    'app',
    'app-x',
    'app0',
    'a',
    '',
    '\uffff',
  ),
  fc.string({ unit: 'binary', maxLength: 3 }),
)
const key = fc.array(segment, { minLength: 1, maxLength: 4 }).map((parts) => parts.join('/'))

describe('deleteTree', () => {
  it('deletes the range of one key and that of its descendants', async () => {
    expect(await removal('a/b')).toEqual({
      prefix: 'a/b/',
      ranges: [
        { from: 'a/b', to: 'a/b\0' },
        { from: 'a/b/', to: 'a/b0' },
      ],
    })
  })

  it('deletes what is below the namespace', async () => {
    expect(await removal('a', 'app')).toEqual({
      prefix: 'app/a/',
      ranges: [
        { from: 'app/a', to: 'app/a\0' },
        { from: 'app/a/', to: 'app/a0' },
      ],
    })
  })

  it("deletes the whole store but the library's own keys, by one request", async () => {
    expect(await removal('')).toEqual({
      prefix: '',
      ranges: [{ from: '', to: '.libkv/' }, { from: '.libkv0' }],
    })
  })

  it("deletes a whole namespace but the library's own keys, by one request", async () => {
    expect(await removal('', 'app')).toEqual({
      prefix: 'app/',
      ranges: [
        { from: 'app/', to: 'app/.libkv/' },
        { from: 'app/.libkv0', to: 'app0' },
      ],
    })
  })

  it.each([
    ['', ''],
    ['', 'app'],
    ['a', ''],
    ['a', 'app'],
  ])("asks for ascending ranges that split no directory: '%s' in '%s'", async (dir, namespace) => {
    const { prefix, ranges } = await removal(dir, namespace)
    const bounds = ranges.flatMap(({ from, to }) => (to === undefined ? [from] : [from, to]))
    expect(bounds).toEqual([...new Set(bounds)].sort(compareKeys))
    const own = `${prefix}.libkv/`
    fc.assert(
      fc.property(key, (name) => {
        for (const found of [name, prefix + name]) {
          const isMeant =
            dir === ''
              ? found.startsWith(prefix) && !found.startsWith(own)
              : found.startsWith(prefix) || `${found}/` === prefix
          expect(isInRanges(found, ranges)).toBe(isMeant)
        }
        const directory = `${prefix}${name.split('/', 1)[0] ?? ''}/`
        expect(isInRanges(`${directory}x`, ranges)).toBe(isInRanges(directory, ranges))
      }),
      { numRuns: runs(500) },
    )
  })
})

describe('rangeOfPrefix', () => {
  it('contains the keys that start with the prefix', () => {
    fc.assert(
      fc.property(key, key, (prefix, name) => {
        const ranges = [rangeOfPrefix(`${prefix}/`)]
        expect(isInRanges(name, ranges)).toBe(name.startsWith(`${prefix}/`))
        expect(isInRanges(`${prefix}/${name}`, ranges)).toBe(true)
        expect(isInRanges(name, [rangeOfPrefix('')])).toBe(true)
      }),
      { numRuns: runs(1_000) },
    )
  })
})
