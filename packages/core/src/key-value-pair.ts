/** A key with its value and the two positions in the store's history that identify this state of it. */
export interface KVPair {
  /** The full, canonical key: no outer slash, never relative, never with the namespace or a backend's own prefix. */
  readonly key: string
  /** The bytes that were written. Treat them as read-only: a store may hand the same array to several readers. */
  readonly value: Uint8Array
  /**
   * The store-wide position of the key's last write. It grows with every write of the key, also when the bytes are the
   * same (etcd mod revision, Consul ModifyIndex, ZooKeeper mzxid).
   */
  readonly revision: bigint
  /** The position of the write that brought this key into being. A key deleted and created again has another one. */
  readonly createRevision: bigint
  /** The value read as UTF-8. */
  text(): string
  /**
   * The value read as JSON.
   *
   * @throws SyntaxError if it is none.
   */
  json<T>(): T
}

const utf8 = new TextDecoder('utf-8', { ignoreBOM: true })

/** The one implementation of {@link KVPair}. */
export class Pair implements KVPair {
  readonly key: string
  readonly value: Uint8Array
  readonly revision: bigint
  readonly createRevision: bigint

  constructor(key: string, value: Uint8Array, revision: bigint, createRevision: bigint) {
    this.key = key
    this.value = value
    this.revision = revision
    this.createRevision = createRevision
  }

  text(): string {
    return utf8.decode(this.value)
  }

  json<T>(): T {
    return JSON.parse(this.text()) as T
  }
}
