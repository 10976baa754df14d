import type { Entry, Tree } from '../driver-kit/driver.ts'
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

  /** All that `deleteTree` takes. The library's own keys survive. */
  tree(directory: string): Tree {
    return directory === ''
      ? { prefix: this.root, except: `${this.root}${RESERVED_SEGMENT}/` }
      : { prefix: this.prefix(directory), key: this.full(directory) }
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
