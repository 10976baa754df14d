import { rangeOfPrefix } from '@libkv/core/driver'
import type { KeyRange, Scope } from '@libkv/core/driver'
import type { EtcdRange } from './etcd-codec.ts'

/** As a bound: before or after all keys. https://etcd.io/docs/v3.5/learning/api/#key-ranges */
const ZERO = Buffer.from([0])

export function etcdRangeOf({ from, to }: KeyRange): EtcdRange {
  return { key: from === '' ? ZERO : from, end: to === undefined ? ZERO : Buffer.from(to) }
}

export function rangeOfScope(scope: Scope): EtcdRange {
  return 'key' in scope ? { key: scope.key } : etcdRangeOf(rangeOfPrefix(scope.prefix))
}
