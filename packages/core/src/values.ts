import { LibkvError } from './errors.ts'
import type { Value } from './store.ts'

/** The largest value, in bytes: Consul's limit, 512 KiB. */
export const MAX_VALUE_BYTES: number = 512 * 1024

const utf8 = new TextEncoder()

/**
 * A value as bytes of its own, so that the caller may go on using the array.
 *
 * @throws TypeError if it is neither bytes nor text. LibkvError `VALUE_TOO_LARGE`.
 */
export function bytesOf(value: Value, key: string, backend: string): Uint8Array {
  const bytes = typeof value === 'string' ? utf8.encode(value) : copyOf(value)
  if (bytes.length > MAX_VALUE_BYTES) {
    throw new LibkvError(
      'VALUE_TOO_LARGE',
      `the value for '${key}' has ${String(bytes.length)} bytes, ${String(MAX_VALUE_BYTES)} is the limit`,
      { key, backend },
    )
  }
  return bytes
}

/** A plain array, also of a Buffer, and also when the caller's array comes from another realm. */
function copyOf(value: unknown): Uint8Array {
  const isBytes =
    ArrayBuffer.isView(value) && (value as Partial<Uint8Array>).BYTES_PER_ELEMENT === 1
  if (!isBytes) throw new TypeError('a value is a Uint8Array or a string')
  return new Uint8Array(value as Uint8Array)
}
