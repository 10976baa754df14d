import type { Entry, KeyRange } from '../driver-kit/driver.ts'
import { rangeOfKey, rangeOfPrefix } from '../driver-kit/key-ranges.ts'
import { Pair } from '../contract/key-value-pair.ts'
import type { KVPair } from '../contract/key-value-pair.ts'
import { RESERVED_SEGMENT, isCanonicalKey } from '../contract/keys.ts'

/** The mapping between the keys of the user and those of the driver, which carry the namespace. */
export class Keyspace {
  /** Empty, or the namespace and a slash. */
  readonly root: string

  constructor(namespace: string) {
    this.root = namespace === '' ? '' : `${namespace}/`
  }

  full(key: string): string {
    return this.root + key
  }

  /** The prefix of all descendants of a directory. */
  prefix(directory: string): string {
    return directory === '' ? this.root : `${this.root}${directory}/`
  }

  /** What `deleteTree` deletes: a directory's descendants and its key, or all keys but the library's own. */
  ranges(directory: string): KeyRange[] {
    const all = rangeOfPrefix(this.prefix(directory))
    if (directory !== '') return [rangeOfKey(this.full(directory)), all]
    const { from, to = '' } = rangeOfPrefix(`${this.root}${RESERVED_SEGMENT}/`)
    return [
      { from: all.from, to: from },
      { ...all, from: to },
    ]
  }

  strip(key: string): string {
    return this.root === '' ? key : key.slice(this.root.length)
  }

  /** Whether a key found in the store is one of the user's. */
  shows(key: string): boolean {
    return isCanonicalKey(this.strip(key))
  }

  pair(entry: Entry): KVPair {
    return new Pair(this.root === '' ? entry : { ...entry, key: this.strip(entry.key) })
  }

  /** The pair of an entry that others get as well, as the watches of one feed do. */
  pairOfShared(entry: Entry): KVPair {
    return this.pair({ ...entry, value: new Uint8Array(entry.value) })
  }
}
