import { TextDecoder, TextEncoder } from 'node:util'
import type { KVPair, LockContender } from '@libkv/core'

/** What a candidate says of itself. */
export interface CandidateInfo {
  readonly id: string
  /** The bytes that the candidate was given. */
  readonly value: Uint8Array
  /** The value read as UTF-8. */
  text(): string
}

/** Who leads. */
export interface Leader extends CandidateInfo {
  /** The fencing token: strictly increasing over all leaders of this election, for ever. */
  readonly token: bigint
}

const NEWLINE = 0x0a
const encoder = new TextEncoder()
const utf8 = new TextDecoder('utf-8', { ignoreBOM: true })

/** What the election's key holds: a line of JSON that says who it is, and then the value as it was given. */
export function encode(id: string, value: Uint8Array): Uint8Array {
  const line = encoder.encode(`${JSON.stringify({ id })}\n`)
  const bytes = new Uint8Array(line.length + value.length)
  bytes.set(line)
  bytes.set(value, line.length)
  return bytes
}

/** The way back. What was not written by a candidate of this library, such as a plain name, is taken to be the id. */
export function infoOf({ value: bytes }: Pick<LockContender, 'value'>): CandidateInfo {
  const end = bytes.indexOf(NEWLINE)
  const id = end < 0 ? undefined : idIn(bytes.subarray(0, end))
  const value = id === undefined ? new Uint8Array() : bytes.slice(end + 1)
  return { id: id ?? utf8.decode(bytes), value, text: () => utf8.decode(value) }
}

export function leaderOf(pair: KVPair): Leader {
  return { ...infoOf(pair), token: pair.createRevision }
}

function idIn(line: Uint8Array): string | undefined {
  try {
    const { id } = Object(JSON.parse(utf8.decode(line))) as { readonly id?: unknown }
    return typeof id === 'string' ? id : undefined
  } catch {
    return undefined
  }
}
