import assert from 'node:assert/strict'
import type { KVPair } from '@libkv/core'

/** Bytes as text, by which they can be compared whatever realm they are from. */
function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex')
}

/** Checks that two byte arrays are equal. */
export function sameBytes(actual: Uint8Array | undefined, expected: Uint8Array): void {
  assert.ok(actual !== undefined, 'there are no bytes')
  assert.equal(Object.prototype.toString.call(actual), '[object Uint8Array]')
  assert.equal(actual.length, expected.length)
  assert.ok(Buffer.compare(actual, expected) === 0, `the bytes differ: ${hex(actual).slice(0, 64)}`)
}

/** Bytes that look random and are always the same. */
export function noise(length: number, seed = 1): Uint8Array {
  const bytes = new Uint8Array(length)
  // Jest's sandbox makes each access to a global expensive.
  const { imul } = Math
  let state = seed
  for (let i = 0; i < length; i++) {
    state = (imul(state, 1_664_525) + 1_013_904_223) | 0
    bytes[i] = state >>> 24
  }
  return bytes
}

/** The pair's value as text, `null` where there is no pair. */
export function textOf(pair: KVPair | null | undefined): string | null {
  return pair?.text() ?? null
}

/** `key=value` for each pair: a list in one line. */
export function lines(pairs: readonly KVPair[]): string[] {
  return pairs.map((pair) => `${pair.key}=${pair.text()}`)
}

/** Checks that two pairs are the same state of the same key. */
export function samePair(actual: KVPair | null | undefined, expected: KVPair | null): void {
  assert.ok(actual !== undefined, 'there is no pair')
  assert.deepEqual(shape(actual), shape(expected))
}

function shape(pair: KVPair | null): Record<string, unknown> | null {
  if (pair === null) return null
  const { key, value, revision, createRevision } = pair
  return { key, value: hex(value), revision, createRevision }
}
