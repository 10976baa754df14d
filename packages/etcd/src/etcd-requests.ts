import type { Check, Entry, Scope, Tree, Write } from '@libkv/core'
import { CompareResult, CompareTarget } from 'etcd3'
import type { ICompare, IKeyValue, IRequestOp } from 'etcd3'

const utf8 = new TextDecoder('utf-8', { fatal: true })
const REPLACEMENT = '\ufffd'

/** The end of the range of all keys, and its beginning. */
const ZERO = Buffer.from([0])

/** The half-open range of all keys that start with a prefix: https://etcd.io/docs/v3.5/learning/api/#key-ranges */
export function rangeOf(prefix: string): { key: Buffer; range_end: Buffer } {
  return { key: startOf(prefix), range_end: endOf(prefix) }
}

export function rangeOfScope(scope: Scope): { key: Buffer; range_end?: Buffer } {
  return 'key' in scope ? { key: Buffer.from(scope.key) } : rangeOf(scope.prefix)
}

/** The ranges of a tree, without the part that is to be left. */
export function rangesOf({ prefix, key, except }: Tree): { key: Buffer; range_end?: Buffer }[] {
  const ranges: { key: Buffer; range_end?: Buffer }[] =
    except === undefined
      ? [rangeOf(prefix)]
      : [
          { key: startOf(prefix), range_end: Buffer.from(except) },
          { key: endOf(except), range_end: endOf(prefix) },
        ]
  return key === undefined ? ranges : [{ key: Buffer.from(key) }, ...ranges]
}

const startOf = (prefix: string): Buffer => (prefix === '' ? ZERO : Buffer.from(prefix))

/** The first key after all that start with the prefix: the prefix with its last byte raised. It is a slash. */
function endOf(prefix: string): Buffer {
  if (prefix === '') return ZERO
  const end = Buffer.from(prefix)
  end[end.length - 1] = (end.at(-1) ?? 0) + 1
  return end
}

export function compareOf({ key, expected }: Check): ICompare {
  const compare = { key: Buffer.from(key), result: CompareResult.Equal }
  return expected === null
    ? { ...compare, target: CompareTarget.Create, create_revision: '0' }
    : { ...compare, target: CompareTarget.Mod, mod_revision: expected.revision.toString() }
}

/** What a write is in a transaction. A put answers with the pair before, which tells when the key was created. */
export function operationOf(write: Write, lease: string | undefined): IRequestOp {
  const key = Buffer.from(write.key)
  if (write.type === 'delete') return { request_delete_range: { key } }
  const { value } = write
  return { request_put: { key, value: bufferOf(value), prev_kv: true, ...(lease && { lease }) } }
}

export const bufferOf = (bytes: Uint8Array): Buffer =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)

/** An entry of etcd's; undefined for a key that is no text, which others may have written. */
export function entryOf(pair: IKeyValue): Entry | undefined {
  const key = keyOf(pair.key)
  if (key === undefined) return undefined
  return {
    key,
    // A copy of its own: the buffer is a part of the whole answer.
    value: new Uint8Array(pair.value),
    revision: BigInt(pair.mod_revision),
    createRevision: BigInt(pair.create_revision),
  }
}

export function keyOf(bytes: Buffer): string | undefined {
  const key = bytes.toString()
  if (!key.includes(REPLACEMENT)) return key
  try {
    return utf8.decode(bytes)
  } catch {
    return undefined
  }
}
