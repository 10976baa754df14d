import { describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import { JuteReader } from '../../src/client/jute-reader.ts'
import { JuteWriter } from '../../src/client/jute-writer.ts'
import { readStat } from '../../src/client/records.ts'
import { frameOf } from './scripted-server.ts'

const int32 = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 })
const int64 = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })
// A lone surrogate has no UTF-8.
const text = fc.string({ unit: 'grapheme' })

const field = fc.oneof(
  fc.record({ type: fc.constant('bool' as const), value: fc.boolean() }),
  fc.record({ type: fc.constant('int' as const), value: int32 }),
  fc.record({ type: fc.constant('long' as const), value: int64 }),
  fc.record({ type: fc.constant('string' as const), value: text }),
  fc.record({
    type: fc.constant('buffer' as const),
    value: fc.oneof(fc.constant(null), fc.uint8Array({ maxLength: 500 })),
  }),
)
type Field = typeof field extends fc.Arbitrary<infer T> ? T : never

function write(writer: JuteWriter, { type, value }: Field): void {
  ;(writer[type] as (value: unknown) => void).call(writer, value)
}

const readerOf = (frame: Buffer): JuteReader => new JuteReader(frame, undefined, 4)

describe('Jute', () => {
  it('reads what it wrote, and nothing is left', () => {
    fc.assert(
      fc.property(fc.array(field), (fields) => {
        const frame = frameOf((writer) => {
          for (const each of fields) write(writer, each)
        })
        const reader = readerOf(frame)
        for (const { type, value } of fields) {
          const read = reader[type]()
          expect(ArrayBuffer.isView(read) ? [...read] : read).toEqual(
            ArrayBuffer.isView(value) ? [...value] : value,
          )
        }
        expect(reader.remaining).toBe(0)
      }),
      { numRuns: 300 },
    )
  })

  it('puts frames one behind the other, whatever their size', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 150_000 }), { maxLength: 12 }), (sizes) => {
        const writer = new JuteWriter(1 << 20)
        const expected: Buffer[] = []
        for (const [i, size] of sizes.entries()) {
          const value = Buffer.alloc(size, i + 1)
          writer.beginFrame()
          writer.buffer(value)
          writer.endFrame()
          expected.push(frameOf((own) => own.buffer(value)))
          // A frame that is dropped half way leaves no trace.
          writer.beginFrame()
          writer.buffer(value.subarray(0, 70_000))
          writer.dropFrame()
        }
        const total = expected.reduce((sum, { length }) => sum + length, 0)
        expect(writer.size).toBe(total)
        expect(Buffer.concat(writer.take()).equals(Buffer.concat(expected))).toBe(true)
        expect(writer.size).toBe(0)
      }),
      { numRuns: 100 },
    )
  })

  it('leaves alone what was taken', () => {
    const writer = new JuteWriter(1 << 20)
    const frames: { taken: Buffer; copy: Buffer }[] = []
    for (let i = 0; i < 2_000; i++) {
      writer.beginFrame()
      writer.string(`frame ${i} ${'x'.repeat(i % 300)}`)
      writer.endFrame()
      for (const taken of writer.take()) frames.push({ taken, copy: Buffer.from(taken) })
    }
    expect(frames.every(({ taken, copy }) => taken.equals(copy))).toBe(true)
  })

  it('tells null from empty', () => {
    const reader = readerOf(
      frameOf((writer) => {
        writer.buffer(null)
        writer.buffer(new Uint8Array())
      }),
    )
    expect(reader.buffer()).toBeNull()
    expect(reader.buffer()).toHaveLength(0)
  })

  it('gives away copies, not the memory of the frame', () => {
    const frame = frameOf((writer) => writer.buffer(Buffer.from('abc')))
    const data = readerOf(frame).buffer()
    frame.fill(0)
    expect(Buffer.from(data ?? []).toString()).toBe('abc')
  })

  it('reads times beyond 32 bits, and zxids beyond 53', () => {
    const frame = frameOf((writer) => {
      for (const long of [2n ** 62n, 2n, 1_700_000_000_000n, 1_800_000_000_123n]) writer.long(long)
      for (const int of [1, 2, 3]) writer.int(int)
      writer.long(-1n)
      writer.int(4)
      writer.int(5)
      writer.long(2n ** 63n - 1n)
    })
    expect(readStat(readerOf(frame))).toEqual({
      czxid: 2n ** 62n,
      mzxid: 2n,
      pzxid: 2n ** 63n - 1n,
      ctime: 1_700_000_000_000,
      mtime: 1_800_000_000_123,
      version: 1,
      cversion: 2,
      aversion: 3,
      ephemeralOwner: -1n,
      dataLength: 4,
      numChildren: 5,
    })
  })

  it.each([
    ['a negative length', -2],
    ['a length beyond the frame', 9],
    ['the largest length', 2 ** 31 - 1],
    ['the smallest length', -(2 ** 31)],
  ])('refuses %s of a string, a buffer and a vector', (_what, length) => {
    const frame = frameOf((writer) => {
      writer.int(length)
      writer.long(0n)
    })
    const read = [
      (reader: JuteReader) => reader.string(),
      (reader: JuteReader) => reader.buffer(),
      (reader: JuteReader) => reader.vector(1, () => 0),
    ]
    for (const each of read) {
      expect(() => each(readerOf(frame))).toThrow(
        expect.objectContaining({ code: 'PROTOCOL_ERROR' }),
      )
    }
  })

  it('refuses to read beyond the end of the frame, though there are bytes', () => {
    const chunk = Buffer.alloc(100)
    for (const read of ['int', 'long', 'time', 'unsignedInt'] as const) {
      const reader = new JuteReader(chunk, undefined, 10, 13)
      expect(() => reader[read]()).toThrow(expect.objectContaining({ code: 'PROTOCOL_ERROR' }))
    }
    expect(() => new JuteReader(chunk, undefined, 10, 10).bool()).toThrow('ends too early')
  })

  it('refuses a vector whose elements cannot all be there', () => {
    const frame = frameOf((writer) => {
      writer.int(3)
      writer.long(0n)
    })
    expect(() => readerOf(frame).vector(4, (reader) => reader.int())).toThrow('a length of 3')
  })

  it('refuses a request over the limit before it is complete', () => {
    const writer = new JuteWriter(1_000)
    for (const oversize of [
      () => writer.buffer(new Uint8Array(997)),
      () => writer.string('x'.repeat(997)),
      () => writer.string('\u20ac'.repeat(333)),
      () => writer.vector(Array<number>(250).fill(1), (value) => writer.int(value)),
    ]) {
      writer.beginFrame()
      expect(oversize).toThrow(expect.objectContaining({ code: 'TOO_LARGE' }))
      writer.dropFrame()
    }
    writer.beginFrame()
    writer.buffer(new Uint8Array(996))
    writer.endFrame()
    expect(writer.size).toBe(1_004)
  })

  it('refuses data that is no bytes', () => {
    expect(() => frameOf((writer) => writer.buffer('text' as never))).toThrow(TypeError)
  })
})
