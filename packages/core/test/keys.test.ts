import { describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import { runs } from '@libkv/testing/backend-cases/runs'
import { compareKeys, isLibkvError, MAX_KEY_BYTES } from '../src/index.ts'
import { canonicalDirectory, canonicalKey, isCanonicalKey } from '../src/contract/keys.ts'
import { RESERVED_SEGMENT, lockQueueDirectory } from '../src/driver.ts'

/** Full Unicode, with what is close to the borders more often than chance would have it. */
const character = fc.oneof(
  fc.string({ unit: 'binary', minLength: 1, maxLength: 1 }),
  fc.constantFrom('a', '/', '.', '\u007e', '\u00a0', '\u07ff', '\u0800', '\ud7ff', '\ue000'),
  fc.constantFrom('\uffff', '\u{10000}', '\u{10ffff}', '😀', 'e\u0301', 'é'),
)
const text = fc.array(character, { maxLength: 12 }).map((parts) => parts.join(''))
const anything = fc.oneof(
  text,
  fc.string({ unit: fc.integer({ min: 0, max: 0xffff }).map((unit) => String.fromCharCode(unit)) }),
)

/** What `canonical` gives, or undefined when it refuses. */
function accepted(canonical: (key: string) => string, key: string): string | undefined {
  try {
    return canonical(key)
  } catch (error) {
    if (!isLibkvError(error, 'INVALID_KEY')) throw error
    return undefined
  }
}

describe('compareKeys', () => {
  it('orders as the bytes of UTF-8 do', () => {
    fc.assert(
      fc.property(text, text, (a, b) => {
        const expected = Buffer.compare(Buffer.from(a), Buffer.from(b))
        expect(Math.sign(compareKeys(a, b))).toBe(expected)
      }),
      { numRuns: runs(2_000) },
    )
  })

  it('orders keys that share their beginning', () => {
    fc.assert(
      fc.property(text, character, character, text, (start, x, y, end) => {
        const [a, b] = [start + x + end, start + y]
        const expected = Buffer.compare(Buffer.from(a), Buffer.from(b))
        expect(Math.sign(compareKeys(a, b))).toBe(expected)
      }),
      { numRuns: runs(2_000) },
    )
  })

  it('sorts a character beyond the basic plane after all within', () => {
    expect(['\u{10000}', '\uffff', '\ue000', '\ud7ff'].sort(compareKeys)).toEqual([
      '\ud7ff',
      '\ue000',
      '\uffff',
      '\u{10000}',
    ])
  })
})

describe('canonicalKey', () => {
  it('changes nothing that it has made', () => {
    fc.assert(
      fc.property(anything, (key) => {
        const once = accepted(canonicalKey, key)
        fc.pre(once !== undefined)
        expect(canonicalKey(once)).toBe(once)
        expect(isCanonicalKey(once)).toBe(true)
      }),
      { numRuns: runs(2_000) },
    )
  })

  it('drops one slash at each end and nothing else', () => {
    fc.assert(
      fc.property(anything, (key) => {
        fc.pre(accepted(canonicalKey, key) === key)
        for (const spelling of [`/${key}`, `${key}/`, `/${key}/`]) {
          expect(canonicalKey(spelling)).toBe(key)
        }
        for (const spelling of [`//${key}`, `${key}//`, `/${key}//`, `//${key}//`]) {
          expect(accepted(canonicalKey, spelling)).toBeUndefined()
        }
      }),
      { numRuns: runs(1_000) },
    )
  })

  it('accepts exactly what the contract accepts', () => {
    fc.assert(
      fc.property(anything, (key) => {
        const path = key.replace(/^\//, '').replace(/\/$/, '')
        const segments = path.split('/')
        const isKey =
          segments.every((segment) => !['', '.', '..'].includes(segment)) &&
          segments[0] !== RESERVED_SEGMENT &&
          !/[\p{Cc}\p{Cs}]/u.test(path) &&
          Buffer.byteLength(path) <= MAX_KEY_BYTES
        expect(accepted(canonicalKey, key)).toBe(isKey ? path : undefined)
      }),
      { numRuns: runs(3_000) },
    )
  })

  it('counts bytes, not characters, and not the slashes that it drops', () => {
    const longest = '😀'.repeat(MAX_KEY_BYTES / 4)
    expect(canonicalKey(`/${longest}/`)).toBe(longest)
    expect(accepted(canonicalKey, `${longest}x`)).toBeUndefined()
    expect(canonicalKey('x'.repeat(MAX_KEY_BYTES))).toHaveLength(MAX_KEY_BYTES)
    expect(accepted(canonicalKey, 'x'.repeat(MAX_KEY_BYTES + 1))).toBeUndefined()
  })

  it('shows a long or odd key so that it can be read', () => {
    expect(() => canonicalKey('a\n/b')).toThrow(`key 'a\\u000a/b' has a control character`)
    expect(() => canonicalKey('x'.repeat(5_000))).toThrow(/^key 'x{80}…' is over 1024 bytes$/)
  })

  it.each(['..', 'a/..', '../a', 'a/../b', '.', 'a/./b', '/..'])('refuses %p', (key) => {
    expect(accepted(canonicalKey, key)).toBeUndefined()
  })

  it.each([
    '...',
    'a/.b',
    'a.',
    `${RESERVED_SEGMENT}x`,
    `a/${RESERVED_SEGMENT}`,
    '~',
    ' ',
    '%2e%2e',
    'a//b'.slice(1, 2) + 'x',
  ])('accepts %p where it is only similar to what is refused', (key) => {
    expect(accepted(canonicalKey, key)).toBe(key.replace(/^\//, ''))
  })
})

describe('the keys of the library', () => {
  it('keep their documented names: the only test that pins them', () => {
    expect(RESERVED_SEGMENT).toBe('.libkv')
    expect(lockQueueDirectory('a/100%')).toBe('.libkv/lock/a%2F100%25')
  })

  it('give each lock a directory that is disjoint from those of all others', () => {
    fc.assert(
      fc.property(text, text, (a, b) => {
        fc.pre(a !== b)
        const [one, other] = [`${lockQueueDirectory(a)}/`, `${lockQueueDirectory(b)}/`]
        expect(one.startsWith(other) || other.startsWith(one)).toBe(false)
      }),
    )
  })
})

describe('canonicalDirectory', () => {
  it.each(['', '/'])('takes %p for the whole store', (directory) => {
    expect(canonicalDirectory(directory)).toBe('')
  })

  it.each([
    '//',
    '///',
    './',
    '/./',
    RESERVED_SEGMENT,
    `/${RESERVED_SEGMENT}/`,
    lockQueueDirectory('jobs'),
  ])('refuses %p', (directory) => {
    expect(accepted(canonicalDirectory, directory)).toBeUndefined()
  })

  it('treats all else as canonicalKey does', () => {
    fc.assert(
      fc.property(anything, (key) => {
        fc.pre(key !== '' && key !== '/')
        expect(accepted(canonicalDirectory, key)).toBe(accepted(canonicalKey, key))
      }),
    )
  })
})
