import { describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import { runs } from '@libkv/testing/backend-cases/runs'
import { FrameReader } from '../../src/client/frame-reader.ts'
import { frameOf } from './scripted-server.ts'

const frameWith = (size: number, fill: number): Buffer =>
  frameOf((writer) => writer.buffer(Buffer.alloc(size, fill)))

function sliced(stream: Buffer, lengths: readonly number[]): Buffer[] {
  const chunks: Buffer[] = []
  for (let at = 0, i = 0; at < stream.length; i++) {
    const length = lengths[i % lengths.length] ?? 1
    chunks.push(Buffer.from(stream.subarray(at, at + length)))
    at += length
  }
  return chunks
}

/** As the socket does: each chunk comes in the same memory, with what an earlier one has left behind it. */
function pushAll(frames: FrameReader, chunks: readonly Buffer[]): void {
  const memory = Buffer.alloc(1 << 15, 0xff)
  for (const chunk of chunks) {
    chunk.copy(memory)
    frames.push(memory, chunk.length)
  }
}

describe('the frames of a stream', () => {
  it('are the same however the stream is cut', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 0, max: 9_000 }), { minLength: 1, maxLength: 8 }),
        fc.array(fc.oneof(fc.integer({ min: 1, max: 8 }), fc.integer({ min: 1, max: 20_000 })), {
          minLength: 1,
          maxLength: 8,
        }),
        (sizes, lengths) => {
          const stream = Buffer.concat(sizes.map((size, i) => frameWith(size, i + 1)))
          const seen: number[][] = []
          const frames = new FrameReader(10_000, (frame) => {
            const data = frame.buffer() ?? new Uint8Array()
            expect(frame.remaining).toBe(0)
            seen.push([data.length, data.at(0) ?? 0, data.at(-1) ?? 0])
          })
          const expected = sizes.map((size, i) => (size === 0 ? [0, 0, 0] : [size, i + 1, i + 1]))
          for (const chunk of sliced(stream, lengths)) frames.push(chunk)
          expect(seen.splice(0)).toEqual(expected)
          pushAll(frames, sliced(stream, lengths))
          expect(seen).toEqual(expected)
        },
      ),
      { numRuns: runs(150) },
    )
  })

  it.each([-1, -(2 ** 31), 1_001, 2 ** 31 - 1, 0x48545450])(
    'do not announce %d bytes where 1000 are allowed',
    (length) => {
      const header = Buffer.alloc(4)
      header.writeInt32BE(length)
      for (const slice of [1, 2, 3, 4]) {
        const frames = new FrameReader(1_000, () => {})
        expect(() => {
          for (const chunk of sliced(header, [slice])) frames.push(chunk)
        }).toThrow(expect.objectContaining({ code: 'PROTOCOL_ERROR' }))
      }
    },
  )

  it('take memory for what came, not for what was announced', () => {
    const header = Buffer.alloc(4)
    header.writeInt32BE(2 ** 30)
    const before = process.memoryUsage().arrayBuffers
    const readers = Array.from({ length: 50 }, () => new FrameReader(2 ** 30, () => {}))
    for (const reader of readers) {
      reader.push(header)
      reader.push(Buffer.alloc(100))
    }
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(5_000_000)
  })

  it('stop when the reader is told to, in the middle of a chunk', () => {
    let seen = 0
    const frames: FrameReader = new FrameReader(1_000, () => {
      seen++
      if (seen === 2) frames.stop()
    })
    frames.push(Buffer.concat([1, 2, 3, 4].map((i) => frameWith(10, i))))
    frames.push(frameWith(10, 5))
    expect(seen).toBe(2)
  })

  it('of a megabyte arrive one byte at a time, which takes no time that grows with its square', () => {
    let size = 0
    const frames = new FrameReader(1 << 21, (frame) => {
      size = frame.buffer()?.length ?? 0
    })
    // To copy what has come for each byte would be half a terabyte.
    const stream = frameWith(1 << 20, 1)
    for (let at = 0; at < stream.length; at++) frames.push(stream.subarray(at, at + 1))
    expect(size).toBe(1 << 20)
  })
})
