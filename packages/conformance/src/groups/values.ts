import assert from 'node:assert/strict'
import { MAX_VALUE_BYTES } from '@libkv/core'
import { noise, sameBytes } from '../bytes.ts'
import { group } from '../group.ts'
import type { CaseGroup } from '../group.ts'
import { refusal } from '../refusal.ts'

const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text)

const byteValues: Readonly<Record<string, Uint8Array>> = {
  'no bytes': new Uint8Array(),
  'one NUL byte': new Uint8Array([0]),
  'one byte 0x01': new Uint8Array([1]),
  'one byte 0xff': new Uint8Array([0xff]),
  'all 256 bytes': Uint8Array.from({ length: 256 }, (_, i) => i),
  'NUL bytes only': new Uint8Array(1_000),
  'bytes 0xff only': new Uint8Array(1_000).fill(0xff),
  'truncated UTF-8': new Uint8Array([0xe2, 0x82]),
  'overlong UTF-8': new Uint8Array([0xc0, 0x80]),
  'a surrogate encoded in UTF-8': new Uint8Array([0xed, 0xa0, 0x80]),
  'a UTF-8 byte order mark': new Uint8Array([0xef, 0xbb, 0xbf, 0x61]),
  'line ends': utf8('\r\n\n\r'),
  'what looks like base64': utf8('AAEC/w=='),
  'what looks like JSON': utf8('{"a":null}'),
  'noise of 100 KiB': noise(100 * 1024),
}

const texts: Readonly<Record<string, string>> = {
  'no characters': '',
  'an emoji': '🚀',
  'several scripts': 'naïve ключ 键 مفتاح',
  'a NUL character': 'a\u0000b',
  'a byte order mark': '\ufeffa',
  'line separators': 'a\u2028b\u2029c\r\n',
}

export const valueCases: CaseGroup = group('values', ({ it }) => {
  for (const [what, value] of Object.entries(byteValues)) {
    it(`returns ${what} as they were written`, async ({ kv, key, dir }) => {
      const written = await kv.put(key(), value)
      sameBytes(written.value, value)
      sameBytes((await kv.get(key()))?.value, value)
      sameBytes((await kv.list(dir))[0]?.value, value)
    })
  }

  for (const [what, text] of Object.entries(texts)) {
    it(`returns text with ${what} as it was written`, async ({ kv, key }) => {
      const written = await kv.put(key(), text)
      assert.equal(written.text(), text)
      const read = await kv.get(key())
      assert.equal(read?.text(), text)
      sameBytes(read.value, utf8(text))
    })
  }

  it('stores exactly MAX_VALUE_BYTES bytes', async ({ kv, key }) => {
    const value = noise(MAX_VALUE_BYTES)
    await kv.put(key(), value)
    sameBytes((await kv.get(key()))?.value, value)
  })

  it('refuses one byte more', async ({ kv, key }) => {
    const error = await refusal(kv.put(key(), noise(MAX_VALUE_BYTES + 1)), 'VALUE_TOO_LARGE')
    assert.equal(error.key, key())
    assert.equal(error.ambiguous, false)
    assert.match(error.message, new RegExp(String(MAX_VALUE_BYTES)))
    assert.equal(await kv.exists(key()), false)
  })

  it('counts the size of text in bytes of UTF-8', async ({ kv, key }) => {
    const half = 'é'.repeat(MAX_VALUE_BYTES / 2)
    await kv.put(key(), half)
    await refusal(kv.put(key(), `${half}x`), 'VALUE_TOO_LARGE')
    assert.equal((await kv.get(key()))?.value.length, MAX_VALUE_BYTES)
  })

  it('refuses a large value in atomicPut too', async ({ kv, key }) => {
    await refusal(kv.atomicPut(key(), noise(MAX_VALUE_BYTES + 1), null), 'VALUE_TOO_LARGE')
    assert.equal(await kv.exists(key()), false)
  })

  it('leaves the old value after the refusal of a large one', async ({ kv, key }) => {
    await kv.put(key(), 'old')
    await refusal(kv.put(key(), noise(MAX_VALUE_BYTES + 1)), 'VALUE_TOO_LARGE')
    assert.equal((await kv.get(key()))?.text(), 'old')
  })

  it('takes a part of a larger buffer', async ({ kv, key }) => {
    const buffer = noise(100)
    await kv.put(key(), buffer.subarray(10, 20))
    sameBytes((await kv.get(key()))?.value, buffer.slice(10, 20))
  })

  it('takes a Buffer', async ({ kv, key }) => {
    await kv.put(key(), Buffer.from('00ff80', 'hex'))
    sameBytes((await kv.get(key()))?.value, new Uint8Array([0, 0xff, 0x80]))
  })

  it('does not see the array that was handed over change later', async ({ kv, key }) => {
    const value = noise(1_000)
    const before = value.slice()
    const writing = kv.put(key(), value)
    value.fill(0)
    sameBytes((await writing).value, before)
    sameBytes((await kv.get(key()))?.value, before)
  })

  it('does not see the array of an atomicPut change later', async ({ kv, key }) => {
    const value = noise(1_000)
    const before = value.slice()
    const writing = kv.atomicPut(key(), value, null)
    value.fill(0)
    await writing
    sameBytes((await kv.get(key()))?.value, before)
  })

  it('reads a value as JSON', async ({ kv, key }) => {
    const value = { name: 'tea', prices: [1, 2.5], nested: { none: null } }
    const written = await kv.put(key(), JSON.stringify(value))
    assert.equal(JSON.stringify(written.json()), JSON.stringify(value))
    const read = await kv.get(key())
    assert.equal(JSON.stringify(read?.json()), JSON.stringify(value))
  })

  it('throws a SyntaxError for JSON that is none', async ({ kv, key }) => {
    const written = await kv.put(key(), 'no json')
    assert.throws(() => written.json(), { name: 'SyntaxError' })
  })

  it('replaces a long value by a short one and by none', async ({ kv, key }) => {
    await kv.put(key(), noise(10_000))
    await kv.put(key(), 'short')
    assert.equal((await kv.get(key()))?.text(), 'short')
    await kv.put(key(), '')
    assert.equal((await kv.get(key()))?.value.length, 0)
  })

  it('tells an empty value from an absent key', async ({ kv, key, names }) => {
    await kv.put(key(), '')
    assert.equal(await kv.exists(key()), true)
    assert.notEqual(await kv.get(key()), null)
    assert.deepEqual(await names(), ['key'])
  })
})
