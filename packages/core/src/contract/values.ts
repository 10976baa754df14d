// Not the globals: jsdom has none.
import { TextEncoder } from 'node:util'
import { LibkvError } from './errors.ts'
import { wrongType } from '../options/option-rules.ts'

/** Bytes, or text that is stored as UTF-8. */
export type Value = Uint8Array | string

/** The largest value, in bytes: Consul's limit, 512 KiB. */
export const MAX_VALUE_BYTES: number = 512 * 1024

const utf8 = new TextEncoder()

/**
 * A value as bytes of its own, so that the caller may go on using the array.
 *
 * @throws TypeError if it is neither bytes nor text. LibkvError `VALUE_TOO_LARGE`.
 */
export function bytesOf(value: Value, key: string, backend: string): Uint8Array {
  if (typeof value === 'string') {
    // Every UTF-16 unit takes a byte or more, so a text that is much too long need not be encoded to be measured.
    if (value.length > MAX_VALUE_BYTES) throw tooLarge(key, backend, value.length, 'at least ')
    const bytes = utf8.encode(value)
    if (bytes.length > MAX_VALUE_BYTES) throw tooLarge(key, backend, bytes.length)
    return bytes
  }
  // Not by `instanceof`: the array may come from another realm.
  if (!ArrayBuffer.isView(value) || (value as Partial<Uint8Array>).BYTES_PER_ELEMENT !== 1) {
    throw wrongType('a value', 'a Uint8Array or a string', value)
  }
  if (value.byteLength > MAX_VALUE_BYTES) throw tooLarge(key, backend, value.byteLength)
  return new Uint8Array(value)
}

function tooLarge(key: string, backend: string, bytes: number, qualifier = ''): LibkvError {
  const limit = `${String(MAX_VALUE_BYTES)} is the limit`
  return new LibkvError(
    'VALUE_TOO_LARGE',
    `the value has ${qualifier}${String(bytes)} bytes, ${limit}`,
    { key, backend },
  )
}
