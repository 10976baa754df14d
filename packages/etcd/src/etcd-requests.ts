import type { Scope, Tree } from '@libkv/core/driver'
import type { DeleteRange, KeyRange } from './etcd-codec.ts'

/** The end of the range of all keys, and its beginning. */
const ZERO = Buffer.from([0])

/** The half-open range of all keys that start with a prefix: https://etcd.io/docs/v3.5/learning/api/#key-ranges */
export function rangeOf(prefix: string): KeyRange {
  return { key: startOf(prefix), end: endOf(prefix) }
}

export function rangeOfScope(scope: Scope): KeyRange {
  return 'key' in scope ? { key: scope.key } : rangeOf(scope.prefix)
}

/** What deletes a tree, without the part that is to be left. */
export function deletesOf({ prefix, key, except }: Tree): DeleteRange[] {
  const ranges: KeyRange[] =
    except === undefined
      ? [rangeOf(prefix)]
      : [
          { key: startOf(prefix), end: Buffer.from(except) },
          { key: endOf(except), end: endOf(prefix) },
        ]
  if (key !== undefined) ranges.unshift({ key })
  return ranges.map((range) => ({ type: 'range', ...range }))
}

const startOf = (prefix: string): Buffer => (prefix === '' ? ZERO : Buffer.from(prefix))

/** The first key after all that start with the prefix: the prefix with its last byte, a slash, raised. */
function endOf(prefix: string): Buffer {
  if (prefix === '') return ZERO
  const end = Buffer.from(prefix)
  end[end.length - 1] = (end.at(-1) ?? 0) + 1
  return end
}
